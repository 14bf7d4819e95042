"""The branch of migrations of the audit trail: a file for each version under versions/."""
