"""Commands of the command line, configuration files, and what the terminal shows."""
