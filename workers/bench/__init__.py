"""`livesight bench`: measuring a node as it serves."""
