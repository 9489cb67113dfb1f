"""Tests of backend/mirror."""
