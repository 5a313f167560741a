"""Sealed values open with their key, in their place, and nowhere else."""

import base64
import os
import stat
from pathlib import Path

import pytest

from services.store.keyring import KeyRing, Place, Unsealable, check_keys, kept_key, key_of, new_key, read_keys

PLACE = Place("ada", "i1", "integration")


def key(fill: int) -> str:
    return base64.b64encode(bytes([fill]) * 32).decode()


def ring(*names: str) -> KeyRing:
    return read_keys(",".join(f"{name}:{key(ord(name[-1]))}" for name in names))


def test_a_value_comes_back() -> None:
    keys = ring("k1")
    sealed = keys.seal(b"secret", PLACE)
    assert b"secret" not in sealed
    assert keys.open(sealed, PLACE) == b"secret"
    assert sealed != keys.seal(b"secret", PLACE)
    assert "secret" not in repr(keys)


@pytest.mark.parametrize(
    "place",
    [
        Place("eve", "i1", "integration"),
        Place("ada", "i2", "integration"),
        Place("ada", "i1", "oauth access token"),
        Place("adai", "1", "integration"),
    ],
)
def test_a_value_opens_in_its_own_place_only(place: Place) -> None:
    with pytest.raises(Unsealable, match="altered"):
        ring("k1").open(ring("k1").seal(b"secret", PLACE), place)


@pytest.mark.parametrize("position", [1, 3, 8, -1])
def test_an_altered_value_does_not_open(position: int) -> None:
    sealed = bytearray(ring("k1").seal(b"secret", PLACE))
    sealed[position] ^= 1
    with pytest.raises(Unsealable):
        ring("k1").open(bytes(sealed), PLACE)


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x02" + bytes(40), b"\x01\xff" + bytes(20), b"\x01\x02k1" + bytes(13)]
)
def test_what_is_no_sealed_value_is_refused(sealed: bytes) -> None:
    with pytest.raises(Unsealable):
        ring("k1").open(sealed, PLACE)


def test_old_keys_open_and_the_first_seals() -> None:
    old = ring("k1").seal(b"secret", PLACE)
    both = ring("k2", "k1")
    assert both.open(old, PLACE) == b"secret"
    assert not both.is_current(old)
    assert key_of(both.seal(b"secret", PLACE)) == "k2"
    with pytest.raises(Unsealable, match="'k1'"):
        ring("k2").open(old, PLACE)


def test_a_passphrase_gives_one_key_everywhere() -> None:
    phrase = "correct horse, battery: staple"
    one, other = read_keys(phrase), read_keys(f"  {phrase} ")
    assert one.current == other.current
    assert one.current.startswith("p-")
    assert other.open(one.seal(b"secret", PLACE), PLACE) == b"secret"
    later = read_keys(f"k2:{key(2)},{phrase}")
    assert later.current == "k2"
    assert later.open(one.seal(b"secret", PLACE), PLACE) == b"secret"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("short", "at least 16"),
        (f"k1:{key(1)[:-8]}", "'k1' has 27 bytes"),
        (f"k1:{key(1)},", "comma"),
        (f"k1:{key(1)},k1:{key(2)}", "twice"),
        (f"k1:{key(1)},old", "at least 16"),
        ("k1:" + "A" * 41, "'k1' isn't base64"),
    ],
)
def test_bad_keys_are_named_and_not_shown(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        read_keys(text)
    assert key(1)[:20] not in str(caught.value)


def test_the_check_needs_no_stretching() -> None:
    check_keys("a passphrase of some length")
    check_keys(new_key())
    with pytest.raises(ValueError, match="at least 16"):
        check_keys("short")


def test_a_kept_key_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    made = kept_key(path)
    assert kept_key(path) == made
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert read_keys(made).open(read_keys(made).seal(b"x", PLACE), PLACE) == b"x"
