"""Tests mirror the tree: backend/drift/psi.py is tested by tests/backend/drift/test_psi.py."""
