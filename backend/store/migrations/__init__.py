"""One file per schema version in versions/; run by backend/store/upgrade.py inside one transaction.

env.py      only for alembic's own command line, when a migration is written
versions/   the migrations, in order
"""
