"""Measurements beside a named peer or limit; never part of the default run."""
