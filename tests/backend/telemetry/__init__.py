"""Tests of backend/telemetry."""
