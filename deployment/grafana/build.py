"""Writes the dashboards: `python deployment/grafana/build.py`. What they show is in the modules beside.

The JSON beside is what Grafana reads; a test holds that it is what comes out here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from deployment.grafana.camera_boards import cameras, service  # noqa: E402
from deployment.grafana.result_boards import bus, models, monitoring  # noqa: E402

FOLDER = Path(__file__).parent / "dashboards"


def built() -> dict[str, str]:
    """The files' texts by name."""
    boards = {"service": service(), "cameras": cameras(), "models": models(), "monitoring": monitoring(), "bus": bus()}
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{name}.json": encoder.encode(board) + "\n" for name, board in boards.items()}


if __name__ == "__main__":
    for name, text in built().items():
        (FOLDER / name).write_text(text)
