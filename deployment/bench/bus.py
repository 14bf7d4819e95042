"""What the bus costs: 20 streams at 50 messages a second through a real broker, and how fast it can go.

    python deployment/bench/bus.py [--streams 20] [--rate 50] [--seconds 30] [--compression lz4] [--json]

Three processes: the broker (Apache Kafka or Tansu, as for the tests), a consumer, and this one, which publishes frame
results as a worker does. It measures how long `publish` keeps the worker (p50, p99), how old messages are when the
consumer has them, the CPU that the bus takes beside, what a message takes on the broker's disk, and, with the broker
away first, how fast the spool fills and empties. Exit code 1 when a worker waits longer than 1 ms, or a message longer
than 1 s, at p99.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import structlog
from prometheus_client import REGISTRY

from tests.peers.kafka import Broker, chosen
from workers.bus.message_bus import DETECTIONS, LocalBus, Message
from workers.bus.result import FRAME_SCHEMA, Detection, FrameResult, Latency
from workers.kafka.client import choose_compression
from workers.kafka.kafka_bus import KafkaBus
from workers.kafka.settings import KafkaSettings

HEADERS = (("schema", FRAME_SCHEMA.encode()), ("content-type", b"application/json"))
SPOOL_MESSAGES = 20_000
GOALS = {"publish_p99_ms": 1.0, "lag_p99_ms": 1000.0}


def value(number: int, stream: int) -> bytes:
    """A frame result with three detections, about 900 bytes."""
    found = Detection(
        detector="mask", track_id=7, label="without_mask", confidence=0.912, xyxy=(412.0, 96.5, 530.2, 251.0)
    )
    result = FrameResult(
        stream_id=f"cam{stream}",
        session="01K0000000000000000000000A",
        frame=number,
        skipped=0,
        pts_us=number * 20_000,
        captured_at_ns=time.time_ns(),
        size_wh=(1280, 720),
        node="bench",
        detections=(found, found, found),
        models={"mask": 1},
        latency_ms=Latency(decode=2.0, wait=3.0, inference=6.0, total=12.0),
    )
    return result.to_json()


def quantile(values: list[float], share: float) -> float:
    """Of a list that need not be sorted."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def consume(address: str, seconds: float) -> None:
    """Runs in its own process: prints the ages, in seconds, of all that comes."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None)
    while not (partitions := consumer.partitions_for_topic(DETECTIONS)):
        time.sleep(0.1)
    consumer.assign([TopicPartition(DETECTIONS, partition) for partition in partitions])
    consumer.seek_to_end()
    for partition in partitions:
        consumer.position(TopicPartition(DETECTIONS, partition))
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    ages, began_s, cpu_s = [], time.monotonic(), time.process_time()
    while time.monotonic() - began_s < seconds:
        for batch in consumer.poll(timeout_ms=100).values():
            ages += [time.time() - json.loads(found.value)["captured_at_ns"] / 1e9 for found in batch]
    cpu_s = time.process_time() - cpu_s
    consumer.close(timeout_ms=1000)
    sys.stdout.write(json.dumps({"ages": ages, "cpu_s": cpu_s}) + "\n")


def steady(bus: KafkaBus, address: str, options: argparse.Namespace) -> dict[str, Any]:
    """Publish at the rate, with a consumer beside."""
    command = [sys.executable, __file__, "--consume", address, "--seconds", str(options.seconds + 5)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
        assert consumer.stdout is not None
        while consumer.stdout.readline().strip() != "READY":
            pass
        took_s: list[float] = []
        total = int(options.seconds * options.rate)
        began_s, made_cpu_s, cpu_s = time.monotonic(), 0.0, time.process_time()
        for number in range(total):
            for stream in range(options.streams):
                made_s = time.thread_time()
                message = Message(DETECTIONS, f"cam{stream}", value(number, stream), HEADERS, time.monotonic())
                made_cpu_s += time.thread_time() - made_s
                started_s = time.perf_counter()
                bus.publish(message)
                took_s.append(time.perf_counter() - started_s)
            time.sleep(max(0.0, began_s + (number + 1) / options.rate - time.monotonic()))
        lasted_s = time.monotonic() - began_s
        bus.flush(10)
        cpu_s = time.process_time() - cpu_s - made_cpu_s
        heard = json.loads(consumer.stdout.readline())
    count = len(took_s)
    return {
        "published": count,
        "per_second": round(count / lasted_s),
        "arrived": len(heard["ages"]),
        "bytes": len(value(1, 1)),
        "publish_p50_ms": round(quantile(took_s, 0.5) * 1e3, 4),
        "publish_p99_ms": round(quantile(took_s, 0.99) * 1e3, 4),
        "lag_p50_ms": round(quantile(heard["ages"], 0.5) * 1e3, 1),
        "lag_p99_ms": round(quantile(heard["ages"], 0.99) * 1e3, 1),
        "lag_max_ms": round(max(heard["ages"]) * 1e3, 1),
        "bus_cpu_us_a_message": round(cpu_s / count * 1e6, 1),
        "consumer_cpu_us_a_message": round(heard["cpu_s"] / max(1, len(heard["ages"])) * 1e6, 1),
    }


def stored_bytes(broker: Broker) -> int | None:
    """What the topic takes on the broker's disk, compressed; None of a broker that has no disk."""
    if chosen().jars is None:
        return None
    with broker.admin() as admin:
        topics = [topic for folder in admin.describe_log_dirs()[0]["log_dirs"] for topic in folder["topics"]]
    return sum(one["partition_size"] for topic in topics if topic["name"] == DETECTIONS for one in topic["partitions"])


def spooled() -> float:
    """Messages on disk."""
    return REGISTRY.get_sample_value("livesight_bus_spooled_messages") or 0.0


def spool(bus: KafkaBus, broker: Broker) -> dict[str, Any]:
    """Fill the spool with the broker away, then have it replayed."""
    broker.kill()
    while not bus.problems():
        bus.publish(Message(DETECTIONS, "cam0", value(0, 0), HEADERS, time.monotonic()))
        time.sleep(0.05)
    one, before, cpu_s, began_s = value(1, 1), spooled(), time.process_time(), time.monotonic()
    for number in range(SPOOL_MESSAGES):
        bus.publish(Message(DETECTIONS, f"cam{number % 20}", one, HEADERS, time.monotonic()))
    while spooled() < before + SPOOL_MESSAGES:
        time.sleep(0.05)
    filled_s, fill_cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    broker.start()
    while bus.problems() and spooled() >= SPOOL_MESSAGES:
        time.sleep(0.01)
    cpu_s, began_s = time.process_time(), time.monotonic()
    bus.flush(120)
    emptied_s = time.monotonic() - began_s
    return {
        "spool_in_per_second": round(SPOOL_MESSAGES / filled_s),
        "spool_in_cpu_us_a_message": round(fill_cpu_s / SPOOL_MESSAGES * 1e6, 1),
        "replay_per_second": round(SPOOL_MESSAGES / emptied_s),
        "replay_cpu_us_a_message": round((time.process_time() - cpu_s) / SPOOL_MESSAGES * 1e6, 1),
    }


def main() -> int:
    """Run, and print a table or JSON. Exit code 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second a stream")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--compression", choices=("none", "gzip", "lz4", "zstd"), help="of the producer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--consume", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.consume:
        consume(options.consume, options.seconds)
        return 0
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory() as folder, Broker() as broker:
        settings = KafkaSettings(
            bootstrap_servers=(broker.address,),
            retry_s=0.2,
            buffer_messages=10**6,
            compression=options.compression,
        )
        with KafkaBus(settings, LocalBus(), Path(folder)) as bus:
            bus.publish(Message(DETECTIONS, "cam0", value(0, 0), HEADERS, time.monotonic()))
            bus.flush(30)
            found = {
                "broker": chosen().why.partition(" from ")[0],
                "compression": choose_compression(options.compression),
            }
            found |= steady(bus, broker.address, options)
            stored = stored_bytes(broker)
            found["bytes_a_message_stored"] = None if stored is None else round(stored / (found["published"] + 1), 1)
            found |= spool(bus, broker)
    missed = {name: most for name, most in GOALS.items() if found[name] > most}
    if options.json:
        sys.stdout.write(json.dumps({**found, "missed": missed}, indent=1) + "\n")
    else:
        sys.stdout.writelines(f"| {name} | {figure} |\n" for name, figure in found.items())
        sys.stdout.writelines(f"{name} is above {most:g}\n" for name, most in missed.items())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
