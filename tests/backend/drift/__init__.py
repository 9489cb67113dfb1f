"""Tests of backend/drift."""
