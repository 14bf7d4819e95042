"""Are boxes exact to the picture? On the live page, in the player of clips, and on the pictures of events.

    python deployment/bench/exact.py [--pictures 1000] [--stops 100] [--events 100]

Prints one JSON line a run. Live page: 1,000 displayed pictures each way, read off the browser's canvas (exact and fast
mode, without and with B-frames); clips: 100 stops of the player, without and with B-frames; events: 100 pictures over
HTTP with `?overlay=1`. The exit code is 0 when exact mode showed no picture with other boxes than its own and at least
90 % of the pictures were analysed, at each stop the boxes were those of the frame shown or of one beside it, and on
each event picture the strong box was that of the event's track. Runs in its own process; needs Chromium and GStreamer's
RTSP server (Debian: chromium, python3-gi, gir1.2-gst-rtsp-server-1.0).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Exit code 0 when all is exact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--events", type=int, default=100)
    wish = parser.parse_args()
    codes = []
    for b_frames in (0, 2):
        sys.stdout.write(f"B-frames: {b_frames}\n")
        sys.stdout.flush()
        codes.append(run("tests.web.exact_run", "--pictures", wish.pictures, "--b-frames", b_frames))
    codes.append(run("tests.web.overlay_run", "--stops", wish.stops, "--pictures", wish.events))
    return max(codes)


def run(module: str, *options: str | int) -> int:
    """The exit code of a module of the tests."""
    return subprocess.run([sys.executable, "-m", module, *map(str, options)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
