"""Tests of backend/jobs."""
