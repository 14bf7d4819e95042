"""FastAPI: REST, WHIP, WebSockets, the live pages. Everything here runs on the event loop unless it says otherwise."""
