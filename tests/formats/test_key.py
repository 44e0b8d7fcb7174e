"""Keys: pinned for ever, since every store and every checkpoint lives by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logagent.errors import BadQuery
from logagent.formats.key import StreamedHash, hash_prefix, hash_range, key_text, line_hash, parse_key

FINGERPRINT = 0xF123456789ABCDEF
GOLDEN = [
    # own_us, offset, raw line, key
    (0, 0, b"", "00000000000000-000000000000-4b0b55635946e10c"),
    (1_795_385_284_123_456, 0, b'{"v":1,"kind":"log"}', "0660e4b6185b40-000000000000-039335bdc95c1ebf"),
    (1_795_385_284_123_456, 4_096, b'{"v":1,"kind":"log"}', "0660e4b6185b40-000000001000-38d3bdf38bee40fd"),
    (0, 17, b"a line\r", "00000000000000-000000000011-90bab9671f81540b"),
    (0, 17, b"a line", "00000000000000-000000000011-bb521cb888586ede"),
    (0, 0, b"\xef\xbb\xbfbom", "00000000000000-000000000000-aff2c5752e3859d1"),
    (3_818_447_999_999_999, 2**48 - 1, "naïve 😀".encode(), "0d90dbb4a21fff-ffffffffffff-0f20a21ef1b839c6"),
    (1, 3, b"line 6 has the top bit set", "00000000000001-000000000003-ddba784a8c6f68f6"),
]


@pytest.mark.parametrize(("own_us", "offset", "line", "key"), GOLDEN)
def test_a_key_is_what_it_has_always_been(own_us: int, offset: int, line: bytes, key: str) -> None:
    """Computed once, pinned: a change here stores every old line a second time."""
    assert key_text(own_us, offset, line_hash(hash_prefix(FINGERPRINT), offset, line)) == key


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**48 - 1), st.lists(st.binary(max_size=50), max_size=8))
def test_a_line_hashed_in_pieces_has_the_same_hash(fingerprint: int, offset: int, pieces: list[bytes]) -> None:
    """However it is cut."""
    streamed = StreamedHash(hash_prefix(fingerprint), offset)
    for piece in pieces:
        streamed.update(piece)
    assert streamed.value() == line_hash(hash_prefix(fingerprint), offset, b"".join(pieces))


@given(st.integers(0, 2**56 - 1), st.integers(0, 2**48 - 1), st.integers(0, 2**64 - 1))
def test_a_key_taken_apart_gives_its_parts_and_sorts_as_they_do(own_us: int, offset: int, line: int) -> None:
    """Text order is the order of (own time, offset, hash)."""
    key = key_text(own_us, offset, line)
    assert parse_key(key) == (own_us, offset, line)
    assert (key < key_text(1, 2, 3)) == ((own_us, offset, line) < (1, 2, 3))


@pytest.mark.parametrize("text", ["", "x", "0" * 38, key_text(1, 2, 3) + "\n", key_text(1, 2, 3).upper() + "F"])
def test_what_is_no_key_is_none(text: str) -> None:
    """Never a guess."""
    assert parse_key(text) is None


def test_a_shown_id_stands_for_all_hashes_that_begin_so() -> None:
    """With or without the sign, in either case."""
    assert hash_range("#9BE2C41F") == hash_range("9be2c41f") == (0x9BE2C41F00000000, 0x9BE2C41FFFFFFFFF)
    assert hash_range("f" * 16) == (2**64 - 1, 2**64 - 1)


@pytest.mark.parametrize("text", ["", "#", "1234567", "0" * 17, "12345678g", "##12345678"])
def test_a_bad_shown_id_is_an_error(text: str) -> None:
    """Too short, too long, or not hexadecimal."""
    with pytest.raises(BadQuery):
        hash_range(text)
