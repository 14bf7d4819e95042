"""What keys look like, and what is stored of them."""

from __future__ import annotations

from api.auth.machines.api_key import is_hash, key_hash, key_id_of, new_key
from stream.url_redaction import redact


def test_a_key_has_an_id_256_bits_and_a_checksum() -> None:
    made = new_key()
    assert made.text.startswith(f"ls_{made.id}_")
    assert len(made.text) == len("ls_") + 12 + 1 + 43 + 6
    assert key_id_of(made.text) == made.id
    assert made.text not in made.hash
    assert is_hash(made.hash)


def test_keys_differ() -> None:
    made = [new_key() for _ in range(1000)]
    assert len({key.id for key in made}) == len({key.text[16:59] for key in made}) == 1000


def test_a_mistyped_key_has_no_id() -> None:
    text = new_key().text
    for position in (5, 30, len(text) - 1):
        other = "a" if text[position] != "a" else "b"
        assert key_id_of(text[:position] + other + text[position + 1 :]) is None
    assert key_id_of("") is None
    assert key_id_of("ls_") is None


def test_the_hash_is_sha256() -> None:
    assert key_hash("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert not is_hash("sha256:abc")
    assert not is_hash(new_key().text)


def test_keys_in_texts_are_hidden() -> None:
    key = new_key().text
    shown = redact(f"tried {key} at /v1/streams/a/mjpeg?exp=1&by=user:1~&sig=abcdef")
    assert key[16:40] not in shown
    assert "abcdef" not in shown
    assert f"tried {key[:16]}***" in shown
