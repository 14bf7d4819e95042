"""Model versions: what is stored, what was promoted, what is active on every node."""
