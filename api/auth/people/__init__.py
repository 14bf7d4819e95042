"""People: accounts with passwords, sessions, signing in."""
