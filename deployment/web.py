#!/usr/bin/env python3
"""Bundles the live page's modules, `make web`: two files to a browser instead of thirty.

esbuild (Debian's, or any other on the PATH) writes `api/web/built/`, which is committed, so that nobody needs it to
install or to run. Each bundle's first line has a digest of what it was made of; a test compares it with the sources.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "api" / "web"
BUILT = WEB / "built"


def digest() -> str:
    """SHA-256 of all modules, their names and this script, in hexadecimal digits."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted((*WEB.glob("*.js"), *WEB.glob("view/*.js"))):
        body = path.read_bytes()
        found.update(f"{path.relative_to(WEB).as_posix()} {len(body)}\n".encode() + body)
    return found.hexdigest()


def main() -> int:
    """Make the bundles anew; those that are there stay when that fails. Exit code 2 without esbuild."""
    esbuild = shutil.which("esbuild")
    if esbuild is None:
        sys.stderr.write("esbuild is not on the PATH: apt-get install esbuild, or npm install -g esbuild\n")
        return 2
    banner = f"// Made by `make web` out of api/web; do not edit. {digest()}"
    options = ("--bundle", "--splitting", "--format=esm", "--target=es2022", "--chunk-names=[name]")
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(
            [esbuild, "app.js", *options, f"--banner:js={banner}", f"--outdir={folder}"], cwd=WEB, check=False
        )
        if made.returncode == 0:
            shutil.rmtree(BUILT, ignore_errors=True)
            shutil.copytree(folder, BUILT)
    return made.returncode


if __name__ == "__main__":
    sys.exit(main())
