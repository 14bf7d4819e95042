"""Waits between tries, giving up; and the signature that the specification's own example has."""

from __future__ import annotations

from monitoring.alerts.errors import DeliveryFailed
from monitoring.alerts.retry_policy import RetryPolicy
from monitoring.alerts.targets.webhook_signature import key_of, signed_headers

S = 1_000_000_000
POLICY = RetryPolicy(retry_min_s=1, retry_max_s=30, give_up_s=86400)


def waits(attempts: int, **failure: float | bool) -> list[float]:
    """A hundred waits after so many tries, seconds."""
    found = [POLICY.next_try_ns(attempts, DeliveryFailed("no", **failure), 5 * S) for _ in range(100)]  # type: ignore[arg-type]
    return [(at_ns - 5 * S) / S for at_ns in found if at_ns is not None]


def test_the_wait_doubles_up_to_the_longest() -> None:
    for attempts, longest in ((1, 1), (2, 2), (5, 16), (6, 30), (10_000, 30)):
        found = waits(attempts)
        assert 0.75 * longest <= min(found) < max(found) <= longest


def test_a_wait_that_the_target_asks_for_is_granted_within_reason() -> None:
    assert all(wait == 20 for wait in waits(1, retry_after_s=20))
    assert all(wait == 300 for wait in waits(1, retry_after_s=10**9))
    assert max(waits(10, retry_after_s=1)) > 22


def test_a_refused_message_has_three_tries() -> None:
    assert [len(waits(attempts, refused=True)) for attempts in (1, 2, 3, 4)] == [100, 100, 0, 0]


def test_a_clock_that_was_set_back_makes_nobody_wait_for_years() -> None:
    assert POLICY.wait_s(10**18, 0) == 300
    assert POLICY.wait_s(0, 10**18) == 0


def test_the_signature_of_the_specification() -> None:
    """The example that the libraries of standardwebhooks.com are tested with."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
