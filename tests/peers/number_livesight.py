"""`livesight` with the test engine for every model: no model is loaded, next to no CPU is used. A process of its own.

`python -m tests.peers.number_livesight up …`, as LivesightProcess starts it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.peers.number_engine import NumberEngine, shipped_version
from workers.engines.hot_swap import EngineSlot, EngineSlots


def _ensure(slots: EngineSlots, names: Iterable[str]) -> None:
    for name in names:
        if name not in slots:
            slots[name] = EngineSlot(NumberEngine(version=shipped_version(name)))


if __name__ == "__main__":
    EngineSlots.ensure = _ensure  # type: ignore[method-assign]
    from livesight import main

    main()
