"""Tests of backend/supervisor."""
