"""Are boxes on the live page exact to the picture? 1,000 displayed pictures each way, read off the browser's canvas.

    python deployment/bench/exact.py [--pictures 1000]

Prints one JSON line a run (exact and fast mode, without and with B-frames); the exit code is 0 when exact mode showed
no picture with other boxes than its own, and at least 90 % of the pictures were analysed. Runs in its own process;
needs Chromium and GStreamer's RTSP server (Debian: chromium, python3-gi, gir1.2-gst-rtsp-server-1.0).
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
    pictures = parser.parse_args().pictures
    codes = []
    for b_frames in (0, 2):
        sys.stdout.write(f"B-frames: {b_frames}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", "tests.web.exact_run"]
        command += ["--pictures", str(pictures), "--b-frames", str(b_frames)]
        codes.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
