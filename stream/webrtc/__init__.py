"""WebRTC: WHIP sessions, and the source that decodes what a peer sends."""
