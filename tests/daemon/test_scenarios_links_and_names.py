"""Scenarios: links, odd names, and several ways to one file."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable

from tests.daemon.rig import Rig, expected, native, natives


def test_a_file_and_a_link_to_it_are_read_once(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 10))
    (rig.logs / "link.jsonl").symlink_to(path)
    rig.start()
    rig.write("a.jsonl", natives("a", 10, 10))
    rig.settle()
    assert rig.counted() == expected("a", 20)
    assert rig.status().totals.read == 20


def test_a_link_that_is_retargeted_thirty_times_leads_to_all_its_targets(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(include=("current.log", "current.jsonl"), outside_links=True)
    targets = rig.state.parent / "targets"
    targets.mkdir()
    link = rig.logs / "current.jsonl"
    rig.start()
    for n in range(30):
        (targets / f"{n}.jsonl").write_text(natives(f"t{n}", 0, 5))
        link.unlink(missing_ok=True)
        link.symlink_to(targets / f"{n}.jsonl")
        rig.turn()
    rig.rest(120)
    assert rig.counted() == sum((expected(f"t{n}", 5) for n in range(30)), Counter())


def test_a_target_that_grows_after_its_link_moved_on_is_read_to_its_end(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(include=("current.jsonl",), outside_links=True)
    old, new = rig.state.parent / "old.jsonl", rig.state.parent / "new.jsonl"
    old.write_text(natives("old", 0, 5))
    (rig.logs / "current.jsonl").symlink_to(old)
    rig.start()
    rig.turn()
    new.write_text(natives("new", 0, 5))
    (rig.logs / "current.jsonl").unlink()
    (rig.logs / "current.jsonl").symlink_to(new)
    rig.turn()
    with old.open("a") as still_open:
        still_open.write(natives("old", 5, 5))
    rig.rest(30)
    assert rig.counted() == expected("old", 10) + expected("new", 5)


def test_a_link_out_of_the_watched_directory_is_followed_only_where_that_is_allowed(
    make_rig: Callable[..., Rig],
) -> None:
    for allowed in (False, True):
        rig = make_rig(outside_links=allowed)
        outside = rig.state.parent / "secret.jsonl"
        outside.write_text(native("secret"))
        (rig.logs / "a.jsonl").symlink_to(outside)
        rig.start()
        rig.settle()
        assert rig.counted() == (Counter(["secret"]) if allowed else Counter())


def test_a_dangling_link_is_passed_over_and_read_once_its_target_is_there(rig: Rig) -> None:
    (rig.logs / "a.jsonl").symlink_to(rig.logs / "to-come")
    rig.start()
    rig.settle()
    assert rig.status().state == "ok"
    (rig.logs / "to-come").write_text(natives("a", 0, 3))
    rig.settle()
    assert rig.counted() == expected("a", 3)


def test_a_loop_of_links_is_walked_once(rig: Rig) -> None:
    rig.write("deep/a.jsonl", natives("a", 0, 3))
    (rig.logs / "deep" / "up").symlink_to(rig.logs)
    (rig.logs / "self").symlink_to("self")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3)
    assert rig.status().files_total == 1


def test_hard_links_to_one_file_are_read_once(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 5))
    os.link(path, rig.logs / "b.jsonl")
    rig.start()
    rig.settle()
    path.unlink()
    rig.write("b.jsonl", natives("a", 5, 5))
    rig.rest(90)
    assert rig.counted() == expected("a", 10)
    assert rig.status().totals.read == 10


def test_a_fifo_named_like_a_log_hangs_nothing(rig: Rig) -> None:
    os.mkfifo(rig.logs / "x.log")
    rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 3)


def test_a_fifo_that_takes_the_name_of_a_file_hangs_nothing(rig: Rig) -> None:
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    path.unlink()
    os.mkfifo(path)
    rig.rest(30)
    assert rig.counted() == expected("a", 3)
    assert rig.losses() == []


def test_a_directory_named_like_a_log_is_no_file(rig: Rig) -> None:
    rig.write("x.log/inner.jsonl", natives("inner", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == expected("inner", 3)
    assert rig.status().files_total == 1


def test_a_name_that_is_no_text_is_read_and_shown_with_backslashes(rig: Rig) -> None:
    """File names are bytes: also across a restart and a rotation, timed and untimed."""
    directory = os.fsencode(rig.logs) + b"/d\xff"
    os.mkdir(directory)
    for name, text in ((b"/a\xfe.jsonl", natives("a", 0, 3)), (b"/t\xfe.log", "plain text\n")):
        with open(directory + name, "w") as file:
            file.write(text)
    rig.start()
    rig.rest(30)
    rig.stop()
    os.rename(directory + b"/a\xfe.jsonl", directory + b"/a\xfe.jsonl.1")
    rig.start()
    rig.rest(30)
    rig.status()
    assert rig.counted() == expected("a", 3) + Counter(["plain text"])
    assert {os.path.basename(record.origin.file) for record in rig.records()} == {"a\\xfe.jsonl", "t\\xfe.log"}


def test_names_that_differ_only_in_unicode_form_or_case_are_different_files(rig: Rig) -> None:
    for n, name in enumerate((unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), "X", "x")):
        rig.write(f"{name}.jsonl", natives(f"n{n}", 0, 3))
    rig.start()
    rig.settle()
    assert rig.counted() == sum((expected(f"n{n}", 3) for n in range(4)), Counter())


def test_a_file_renamed_to_another_case_is_stored_once(rig: Rig) -> None:
    path = rig.write("App.jsonl", natives("a", 0, 3))
    rig.start()
    rig.settle()
    path.rename(rig.logs / "app.jsonl")
    rig.write("app.jsonl", natives("a", 3, 3))
    rig.rest(90)
    assert rig.counted() == expected("a", 6)


def test_a_file_that_three_patterns_and_two_roots_lead_to_is_read_once(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(include=("**/*.jsonl", "web/*", "**/app*"))
    rig.write("web/app.jsonl", natives("a", 0, 5))
    rig.roots = (rig.logs, rig.logs / "web", rig.logs / "web" / ".." / "web")
    rig.start()
    rig.settle()
    assert rig.counted() == expected("a", 5)
    assert (rig.status().files_total, rig.status().totals.read) == (1, 5)


def test_exclude_wins_over_include_also_for_rotated_names(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(exclude=("**/debug*", "**/*.1"))
    rig.write("debug.jsonl", native("debug"))
    rig.write("web/debug.jsonl.2.gz", b"never opened")
    path = rig.write("a.jsonl", natives("a", 0, 3))
    rig.start()
    rig.turn()
    path.rename(rig.logs / "a.jsonl.1")
    rig.rest(90)
    assert rig.counted() == expected("a", 3)
