"""Tests of the chart engine."""
