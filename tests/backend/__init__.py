"""Tests of everything that works without a screen."""
