"""`livesight` with the test engine for every model: no model is loaded, next to no CPU is used. A process of its own.

`python -m tests.peers.number_livesight up …`, as LivesightProcess starts it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.peers.number_engine import NumberEngine
from workers.card import shipped_models_dir
from workers.engines.hot_swap import EngineSlot, EngineSlots


def _ensure(slots: EngineSlots, names: Iterable[str]) -> None:
    for name in names:
        if name not in slots:
            slots[name] = EngineSlot(NumberEngine(version=_shipped_version(name)))


def _shipped_version(name: str) -> int:
    """The version that ships, so that its card is found as the reference for drift; 1 for other names."""
    return max((int(folder.name) for folder in (shipped_models_dir() / name).glob("*")), default=1)


if __name__ == "__main__":
    EngineSlots.ensure = _ensure  # type: ignore[method-assign]
    from livesight import main

    main()
