"""Looks names up in threads of their own: the system's resolver knows no time-out, and may hang for half a minute."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import Future

from stream.errors import SourceError
from stream.network.ip_addresses import parsed_ip
from stream.network.refusals import name_in_words

Addresses = tuple[str, ...]


class NameLookup:
    """Any thread. Whoever asks for a name that is being looked up gets that answer; none is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Future[Addresses]] = {}

    def begin(self, host: str) -> Future[Addresses]:
        """The numeric addresses of a host; OSError or UnicodeError where it is not known."""
        with self._lock:
            running = self._running.get(host)
            if running is not None:
                return running
            done = self._running[host] = Future()
        try:
            threading.Thread(target=self._run, args=(host, done), name="lookup", daemon=True).start()
        except RuntimeError as error:
            self._forget(host)
            done.set_exception(OSError(str(error)))
        return done

    def _run(self, host: str, done: Future[Addresses]) -> None:
        """The thread."""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._forget(host)
            done.set_exception(error)
            return
        self._forget(host)
        done.set_result(tuple(dict.fromkeys(str(place[0]) for *_, place in found)))

    def _forget(self, host: str) -> None:
        with self._lock:
            del self._running[host]


NAMES = NameLookup()
"""That of this process."""


def addresses_of(host: str, wait_s: float) -> Addresses:
    """The numeric addresses of a host, within `wait_s`. Raises SourceError, with a text for users."""
    with contextlib.suppress(ValueError):
        parsed_ip(host)
        return (host,)
    try:
        return NAMES.begin(host).result(wait_s)
    except TimeoutError:
        raise SourceError(f"its host name could not be looked up within {wait_s:.1f} s") from None
    except (OSError, UnicodeError) as error:
        raise SourceError(name_in_words(error)) from None
