"""Where cameras are: their addresses, what may be reached, connections to what was checked, RTSP and HTTP over them."""
