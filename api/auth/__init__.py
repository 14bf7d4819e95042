"""Who makes a request: sessions, keys, signed links, assertions of other processes."""
