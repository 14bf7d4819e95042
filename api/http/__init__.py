"""What all routes share: errors, limits, origins, sockets, the result hub, the server."""
