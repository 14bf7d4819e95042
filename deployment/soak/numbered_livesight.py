"""`livesight` with an engine that reads the number drawn into each picture, whatever model is asked for. A process.

python deployment/soak/numbered_livesight.py up --port 8000
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import livesight
from tests.peers.number_engine import NumberEngine, number_card


def load(store: object, name: str, *_: object) -> NumberEngine:
    """In place of workers.engines.load.load_engine."""
    engine = NumberEngine()
    engine.card = number_card(name)
    return engine


if __name__ == "__main__":
    with patch("workers.engines.hot_swap.load_engine", load):
        livesight.main()
