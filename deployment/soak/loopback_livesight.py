"""`livesight` with ICE kept on 127.0.0.1, so that a soak sends nothing to any other address. A process.

python deployment/soak/loopback_livesight.py up --port 8000
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import livesight

if __name__ == "__main__":
    with patch("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"]):
        livesight.main()
