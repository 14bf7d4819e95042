"""Where alembic finds its `env.py`; the revisions stand with the packages whose tables they make."""
