"""From words to plans: a closed grammar, and the names of the installation."""
