"""Prometheus from Debian scrapes a running Livesight: what rules and dashboards ask for is there, and answered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from deployment.grafana.build import FOLDER, built
from tests.deployment.promql import family, grouped, metrics
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.kafka import Broker
from tests.peers.livesight_process import ROOT, LivesightProcess
from tests.peers.ports import free_port
from tests.peers.prometheus import Prometheus, prometheus_missing

PROMETHEUS = ROOT / "deployment" / "prometheus"
GRAFANA = ROOT / "deployment" / "grafana"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
BOARDS = sorted(FOLDER.glob("*.json"))
NUMBER_LIVESIGHT = (sys.executable, "-m", "tests.peers.number_livesight")
ADDED = {"job", "instance"}  # by Prometheus
# What a healthy service with cameras, without drift, viewers or trouble has values for
SHOWN = re.compile(
    r"up\{|_stream_up|frames_(decoded|analysed)|detections:rate|latency_seconds|stage_seconds|batch_size"
)


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def asked() -> dict[str, list[str]]:
    """Every expression of a dashboard, by the dashboard's name, its variables filled in."""
    return {path.stem: sorted(set(_expressions(json.loads(path.read_text())))) for path in BOARDS}


def _expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$stream", ".*").replace("$__rate_interval", "1m")
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert found is not None
            yield f"count by ({found[2]}) ({found[1]})"


def promtool(*arguments: str) -> None:
    if reason := prometheus_missing():
        pytest.skip(reason)
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "config", "--syntax-only", "compose.yml")  # its key is there in the container only
    promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))


def test_alerts_come_when_they_should() -> None:
    promtool("test", "rules", "rules_test.yml")


def test_dashboards_are_what_build_makes_and_what_grafana_reads() -> None:
    """The files are those of build.py, and Grafana's own types lose nothing of them."""
    texts = built()
    assert {path.name: path.read_text() for path in BOARDS} == texts
    encoder = JSONEncoder(sort_keys=True, indent=2)
    uids = set()
    for text in texts.values():
        board = json.loads(text)
        assert json.loads(encoder.encode(Dashboard.from_json(board))) == board
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers)) and min(numbers) > 0
        uids.add(board["uid"])
    assert len(uids) == len(texts)


def test_grafana_finds_dashboards_and_metrics() -> None:
    """The provisioning files say where compose puts the dashboards, and name a source that dashboards can choose."""
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/livesight.yml").read_text())["providers"][0]
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"] if volume.startswith("./"))
    assert mounts["./deployment/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deployment/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert source["url"].removeprefix("$") in grafana["environment"]
    for path in BOARDS:
        chosen = [each for each in json.loads(path.read_text())["templating"]["list"] if each["type"] == "datasource"]
        assert [each["query"] for each in chosen] == [source["type"]]


@pytest.fixture(scope="module")
def livesight(tmp_path_factory: pytest.TempPathFactory, own_broker: Broker) -> Iterator[LivesightProcess]:
    """Two cameras, one of which nobody answers for, and a broker: the bus counts only with one."""
    clip = make_numbered(tmp_path_factory.mktemp("clip") / "clip.mp4", ClipSpec(frames=100, fps=25))
    sources = ["--source", f"clip=file:{clip}", "--source", f"gate=rtsp://127.0.0.1:{free_port()}/gate"]
    own_broker.empty()
    settings = {**own_broker.settings, "CLUSTER__LEASE": "false"}
    with LivesightProcess(sources, settings, python=NUMBER_LIVESIGHT) as process:
        yield process


def test_every_metric_that_is_named_exists(livesight: LivesightProcess) -> None:
    """Names as in /metrics, labels as they are there; what a rule records is known by that rule."""
    families = {found.name: found for found in text_string_to_metric_families(livesight.get("/metrics").decode())}
    everything = {**asked(), "rules": [rule["expr"] for rule in rules()]}
    named = [
        (where, expression, *each)
        for where, all_ in everything.items()
        for expression in all_
        for each in metrics(expression)
    ]
    assert len({name for _, _, name, _ in named}) > 30
    wrong = []
    for where, expression, name, labels in named:
        found = family(name, set(families))
        if ":" in name:
            wrong += [] if name in recorded() else [f"{where}: {name} is recorded by no rule"]
        elif found is None:
            wrong.append(f"{where}: {name} is not in /metrics")
        elif declared := {label for sample in families[found].samples for label in sample.labels}:
            wanted = labels | (grouped(expression) if len(list(metrics(expression))) == 1 else set())
            wrong += [f"{where}: {name} has no {label}" for label in wanted - declared - ADDED]
    assert wrong == []


@pytest.mark.timeout(240)
def test_prometheus_scrapes_and_answers(livesight: LivesightProcess) -> None:
    """Every rule is well; every panel's question is understood, and those about running cameras are answered."""
    with Prometheus(PROMETHEUS / "prometheus.yml", [f"127.0.0.1:{livesight.port}"]) as prometheus:
        prometheus.wait_for('up{job="livesight"} == 1', bool)
        prometheus.wait_for("livesight:frames_analysed:rate > 0", bool, 120)
        prometheus.wait_for("livesight:latency_seconds:p95 > 0", bool, 120)
        prometheus.wait_for('livesight:detections:rate{label="number"} > 0', bool, 120)
        empty = []
        for where, expressions in asked().items():
            for expression in expressions:
                found = prometheus.query(expression)
                if SHOWN.search(expression) and not found:
                    empty.append(f"{where}: {expression}")
        assert empty == []
        analysed = {series["metric"]["stream"] for series in prometheus.query("livesight:frames_analysed:rate")}
        assert "clip" in analysed
        sick = [rule for rule in prometheus.rules() if rule["health"] == "err"]
        assert sick == []
        firing = prometheus.query('ALERTS{alertname="LivesightStreamDown", stream="gate"}')
        assert [series["metric"]["alertstate"] for series in firing] == ["pending"]
        assert prometheus.query('ALERTS{stream="clip"}') == []
