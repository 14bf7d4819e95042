"""Keys of machines, signed links, and how much anybody may ask for in a time."""
