"""The appending thread goes first while it needs the interpreter, and never for longer than patience lasts."""

from __future__ import annotations

import threading

import pytest

from logagent.store.right_of_way import RightOfWay


def test_waiting_ends_when_what_was_taken_is_free_again() -> None:
    """A reader goes on as soon as the store needs the interpreter no more."""
    way, went_on = RightOfWay(), threading.Event()
    with way.taken():

        def read() -> None:
            way.wait(60)
            went_on.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert not went_on.wait(0.01)
    reader.join(60)
    assert went_on.is_set()


def test_patience_is_lost_once() -> None:
    """A store that hangs holds up its reader once, not at every piece."""
    way = RightOfWay()
    with way.taken():
        way.wait(0.01)
        way.wait(3600)


def test_it_is_free_after_an_error() -> None:
    """A batch that fails does not leave anybody waiting."""
    way = RightOfWay()
    with pytest.raises(ValueError, match="no"), way.taken():
        raise ValueError("no")
    way.wait(3600)
