"""What the pages say holds: their snippets run against a real service, the paths they name exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.peers.faces import face_picture
from tests.peers.kafka import Broker
from tests.peers.livesight_process import LivesightProcess

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "tests/README.md", "training/README.md", "deployment/**/README.md")
    for path in sorted(ROOT.glob(pattern))
]
WITH_SNIPPETS = ("README.md", "docs/integrators.md")
SNIPPETS = re.findall(
    r"<!-- run -->\n```python\n(.*?)```", "\n".join((ROOT / page).read_text() for page in WITH_SNIPPETS), re.S
)
SAYS = ("picture 2", "without_mask", "demo", "results a second")


@pytest.fixture(scope="module")
def topics(own_broker: Broker) -> Broker:
    own_broker.empty()
    own_broker.create_topic("livesight.detections", 4)
    return own_broker


@pytest.fixture(scope="module")
def service(topics: Broker) -> Iterator[LivesightProcess]:
    with LivesightProcess(command="demo", settings=topics.settings) as running:
        running.wait_for(lambda: running.metric("livesight_detections_total", stream="demo") > 5, 60, "detections")
        yield running


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs(number: int, service: LivesightProcess, topics: Broker, tmp_path: Path) -> None:
    code = SNIPPETS[number].replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    code = code.replace("127.0.0.1:9092", topics.address)
    cv2.imwrite(str(tmp_path / "face.jpg"), face_picture(0, (640, 360)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert any(word in done.stdout for word in SAYS), done.stdout


def test_there_are_snippets_for_each_way_out() -> None:
    text = "\n".join(SNIPPETS)
    assert all(word in text for word in ("/frames", "/v1/detections", "KafkaConsumer", "snapshot.jpg", "/v1/predict"))


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    """A path is the repository's, or the page's own neighbour."""
    text, beside = (ROOT / page).read_text(), (ROOT / page).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folders = "stream|workers|api|training|monitoring|models|tests|deployment|docs"
    paths = re.findall(rf"`((?:(?:{folders})/[\w./-]+|livesight\.py))`", text)
    assert paths or page not in ("README.md", "ARCHITECTURE.md", "tests/README.md")
    assert [name for name in links if not (beside / name).exists()] == []
    assert [name for name in paths if not (ROOT / name).exists() and not (beside / name).exists()] == []
