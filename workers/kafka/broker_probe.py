"""Whether a silent broker is down, or only unreachable from here. Blocks for a second at most."""

from __future__ import annotations

import socket
import time

from workers.kafka.settings import KafkaSettings


def all_refuse(settings: KafkaSettings, timeout_s: float = 1.0) -> bool:
    """Whether every bootstrap server's host answers that nothing listens there.

    A host that does not answer, or a name that cannot be resolved, may be this machine's trouble alone.
    """
    deadline_s = time.monotonic() + timeout_s
    for address in settings.bootstrap_servers:
        host, _, port = address.rpartition(":")
        try:
            left_s = max(0.05, deadline_s - time.monotonic())
            socket.create_connection((host.strip("[]"), int(port)), left_s).close()
        except ConnectionRefusedError:
            continue
        except OSError:
            return False
        return False
    return True
