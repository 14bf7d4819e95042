"""The outages of `make soak`, shortened: real processes, a broker that is killed and comes back empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployment.soak.outage import Plan, crash, outage, wrongs

PLAN = Plan(seconds=6.0, steady_s=3.0, streams=2, fps=5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", [outage, crash])
def test_nothing_of_an_outage_is_lost_but_what_is_said(run: object, tmp_path: Path) -> None:
    assert callable(run)
    report = run(PLAN, tmp_path / "run")
    said = wrongs(PLAN, report, run is crash)
    assert [text for text in said if "during the outage, " not in text] == [], report  # rates are for `make soak`
