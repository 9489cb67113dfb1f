"""One file per schema version in versions/; run by backend/store/upgrade.py inside one transaction."""
