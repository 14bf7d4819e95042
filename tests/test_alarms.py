"""The quick form of `make soak`'s alarms: what is no outage raises no alert, a camera that is gone raises one."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployment.soak.alarms import service

FOR_S = 2.5


@pytest.mark.timeout(600)
def test_an_edit_and_a_restart_are_no_outage_and_an_unplugged_camera_is_one(tmp_path: Path) -> None:
    cases = service(1, tmp_path, FOR_S)
    assert [(case.what, case.raised, case.ended) for case in cases] == [
        ("one process: edit, then restart", [0], [0]),
        ("one process: removal", [0], [0]),
        ("one process: unplugged", [1], [1]),
    ]
