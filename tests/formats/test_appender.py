"""The file: shared by processes, rotated, compressed, deleted under us, on a full disk; no line lost or torn."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loguru import logger
from written import files, logs, outcome, run_script, script, sink

from logagent.formats.appender import Appender
from logagent.formats.generations import Generations, size_bytes

WRITER = """
    import sys
    from loguru import logger
    from logagent.formats import add_sink
    logger.remove()
    directory, writer, lines, size = sys.argv[1:5]
    compression = sys.argv[5] if len(sys.argv) > 5 else None
    add_sink(logger, directory, script_name="etl", rotation=size, compression=compression, retention=None)
    for number in range(int(lines)):
        logger.info("{}-{} {}", writer, number, "x" * 200)
    logger.complete()
"""


@pytest.fixture(autouse=True)
def quiet_logger():
    """loguru without its own handler on stderr."""
    logger.remove()
    yield
    logger.remove()


def messages(directory: Path) -> list[str]:
    return [line["message"].split()[0] for line in logs(directory)]


def appender(path: Path, *, max_bytes: int | None = None, keep: int | str | None = None) -> Appender:
    return Appender(
        str(path),
        max_bytes=max_bytes,
        generations=Generations(str(path), keep=keep, compression=None),
        notice=lambda outage: f"dropped {outage.dropped}: {outage.reason}\n".encode(),
    )


def test_four_processes_on_one_file_lose_and_tear_no_line_through_rotations(tmp_path):
    """loguru's own rotation lost 2 of 20,000 here; each writer's lines stay in order within a file."""
    writers = [script(WRITER, tmp_path, writer, 4000, "1 MB") for writer in "abcd"]
    assert [outcome(writer)[::2] for writer in writers] == [(0, "")] * 4
    assert sorted(messages(tmp_path)) == sorted(f"{writer}-{number}" for writer in "abcd" for number in range(4000))
    assert len(files(tmp_path)) >= 7


def test_compression_beside_writing_processes_loses_no_line(tmp_path):
    """A generation is packed only when nobody has it open; what is left plain has all its lines."""
    writers = [script(WRITER, tmp_path, writer, 1500, "200 KB", "gz") for writer in "abc"]
    assert [outcome(writer)[::2] for writer in writers] == [(0, "")] * 3
    packed = sorted(tmp_path.glob("*.gz"))
    lines = [line for path in packed for line in gzip.decompress(path.read_bytes()).splitlines()]
    written = filter(None, lines)  # a line of another that is half visible may be taken for torn: an empty line follows
    found = [line.split(b'"message":"')[1].split()[0].decode() for line in written] + messages(tmp_path)
    assert sorted(found) == sorted(f"{writer}-{number}" for writer in "abc" for number in range(1500))
    assert packed
    assert not list(tmp_path.glob(".*.part"))


def test_writers_killed_at_any_instant_tear_no_line_of_the_others(tmp_path):
    """kill -9 on three of four writers; the fourth writes all its lines, and every line that ends is whole."""
    victims = [script(WRITER, tmp_path, writer, 10**6, "1 MB") for writer in "abc"]
    survivor = script(WRITER, tmp_path, "d", 3000, "1 MB")
    for victim in victims:
        while victim.poll() is None and f"{'abc'[victims.index(victim)]}-50 " not in all_text(tmp_path):
            pass
        victim.kill()
        outcome(victim)
    assert outcome(survivor)[::2] == (0, "")
    assert [name for name in messages(tmp_path) if name.startswith("d-")] == [f"d-{number}" for number in range(3000)]


def all_text(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.glob("*.jsonl"))


def test_a_torn_line_of_a_killed_writer_is_closed_by_the_next(tmp_path):
    """What it began stays a bad line of its own and takes no other with it."""
    path = tmp_path / "etl.jsonl"
    path.write_bytes(b'{"half": ')
    file = appender(path)
    file.append(b"one\n")
    file.append(b"two\n")
    file.close()
    assert path.read_bytes() == b'{"half": \none\ntwo\n'


def test_generations_are_named_by_time_and_process(tmp_path):
    """`<script>.<UTC>.<pid>.jsonl`, oldest first by name, and the live file keeps its own."""
    file = appender(tmp_path / "etl.jsonl", max_bytes=10)
    for number in range(4):
        file.append(b"%d23456789\n" % number)
    file.close()
    names = [path.name for path in files(tmp_path)]
    assert [path.read_bytes()[:1] for path in files(tmp_path)] == [b"0", b"1", b"2", b"3"]
    stem, stamp, pid, ending = names[0].split(".")
    assert (stem, len(stamp), pid, ending) == ("etl", len("20260102T030405000000Z"), str(os.getpid()), "jsonl")
    assert names[-1] == "etl.jsonl"


def test_a_file_is_rotated_before_it_would_grow_too_long(tmp_path):
    """No generation is over the limit, and a line that is over it by itself has a file of its own."""
    file = appender(tmp_path / "etl.jsonl", max_bytes=100)
    for length in (40, 40, 40, 500, 40):
        file.append(b"x" * (length - 1) + b"\n")
    file.close()
    assert [path.stat().st_size for path in files(tmp_path)] == [80, 40, 500, 40]


def test_retention_keeps_the_newest_by_count(tmp_path):
    """Rotated files, beside the live one; those of other scripts stay."""
    (tmp_path / "etl.v2.20200101T000000000000Z.1.jsonl").write_text("another script\n")
    file = appender(tmp_path / "etl.jsonl", max_bytes=1, keep=2)
    for number in range(6):
        file.append(b"%d\n" % number)
    file.close()
    assert sorted(path.read_text() for path in files(tmp_path)) == ["3\n", "4\n", "5\n", "another script\n"]


def test_retention_keeps_the_newest_by_bytes(tmp_path):
    """Rotated files together are no longer than that."""
    file = appender(tmp_path / "etl.jsonl", max_bytes=1, keep="250 B")
    for number in range(6):
        file.append(b"%d" % number + b"x" * 98 + b"\n")
    file.close()
    assert [path.read_text()[0] for path in files(tmp_path)] == ["3", "4", "5"]


@pytest.mark.parametrize(("ending", "unpack"), [("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open)])
def test_compressed_generations_hold_the_same_bytes(tmp_path, ending, unpack):
    """And are whole when they have their name; removing the sink waits for them."""
    with sink(tmp_path, rotation="2 KB", compression=ending):
        for number in range(20):
            logger.info("line {}", number)
    packed = sorted(tmp_path.glob(f"*.{ending}"))
    text = ""
    for path in packed:
        with unpack(path, "rt") as file:
            text += file.read()
    assert packed
    assert text.count('"message":"line ') + len(logs(tmp_path)) == 20


def test_a_missing_directory_is_made_and_made_again(tmp_path):
    """At the first line, and when it vanishes under us."""
    directory = tmp_path / "a" / "b"
    with sink(directory):
        logger.info("one")
        shutil.rmtree(tmp_path / "a")
        logger.info("two")
        files(directory)[0].unlink()
        logger.info("three")
        directory.rename(tmp_path / "moved")
        logger.info("four")
    assert (messages(directory), messages(tmp_path / "moved")) == (["four"], ["three"])


def test_a_file_that_another_program_rotates_is_left_for_the_new_one(tmp_path):
    """logrotate renames; within a millisecond lines go to the new file, until then to the renamed one."""
    file = appender(tmp_path / "etl.jsonl")
    file.append(b"one\n")
    (tmp_path / "etl.jsonl").rename(tmp_path / "etl.1.jsonl")
    (tmp_path / "etl.jsonl").touch()
    while "two" not in (tmp_path / "etl.jsonl").read_text():
        file.append(b"two\n")
    file.close()
    assert (tmp_path / "etl.1.jsonl").read_text().startswith("one\n")


def test_a_directory_that_cannot_be_made_raises_nothing(tmp_path, capsys):
    """One warning on stderr; the script goes on; once it works one line tells how many were dropped."""
    (tmp_path / "logs").write_text("a file is in the way")
    with sink(tmp_path / "logs"):
        for number in range(5):
            logger.info("lost {}", number)
        (tmp_path / "logs").unlink()
        logger.info("kept")
        logger.info("kept too")
    [warning] = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "logs" / "etl.jsonl") in warning
    told, *kept = logs(tmp_path / "logs")
    assert told["message"].startswith("5 log lines were dropped since ")
    assert (told["level"], told["extra_data"]["dropped"]) == ("WARNING", 5)
    assert [line["message"] for line in kept] == ["kept", "kept too"]


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_raises_nothing_and_is_told_of_when_there_is_room_again(tmp_path, capsys):
    """Promise 1: lines that fit are whole, the others are counted."""
    with small_disk(tmp_path / "disk") as disk:
        (disk / "ballast").write_bytes(b"x" * 200 * 1024)
        with sink(disk):
            for number in range(400):
                logger.info("{} {}", number, "x" * 400)
            (disk / "ballast").unlink()
            logger.info("after")
        lines = (disk / "etl.jsonl").read_bytes().splitlines()
    assert len(capsys.readouterr().err.splitlines()) == 1
    whole = [line for line in lines if line.endswith(b"}")]
    told = [line for line in whole if b"log lines were dropped" in line]
    assert len(lines) - len(whole) <= 1, "at most the one that met the end of the disk is torn"
    assert b'"after"' in whole[-1]
    assert f'"dropped":{400 - (len(whole) - 2)},'.encode() in told[0]


def test_a_short_write_is_closed_by_a_newline(tmp_path, capsys):
    """RLIMIT_FSIZE lets a part of a line in, as a full disk or a quota does."""
    code = """
        import resource, sys
        from loguru import logger
        from logagent.formats import add_sink
        logger.remove()
        add_sink(logger, sys.argv[1], script_name="etl")
        logger.info("one")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        logger.info("x" * 5000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        logger.info("two")
    """
    code_, _, stderr = outcome(script(code, tmp_path))
    first, torn, told, last = (tmp_path / "etl.jsonl").read_text().splitlines()
    assert (code_, len(stderr.splitlines())) == (0, 1)
    assert torn.endswith("xxx")
    assert '"message":"1 log lines were dropped since ' in told
    assert ('"one"' in first, '"two"' in last) == (True, True)


def test_a_warning_without_a_stderr_raises_nothing(tmp_path, monkeypatch):
    """Daemons and windowed programs have none."""
    (tmp_path / "logs").write_text("a file is in the way")
    monkeypatch.setattr(sys, "stderr", None)
    with sink(tmp_path / "logs"):
        logger.info("lost")


def test_a_forked_child_writes_to_the_same_file_and_rotates_it(tmp_path):
    """With `os.fork`, both sides rotating."""
    code = """
        import os, sys
        from loguru import logger
        from logagent.formats import add_sink
        logger.remove()
        add_sink(logger, sys.argv[1], script_name="etl", rotation="20 KB")
        logger.info("before-0")
        child = os.fork()
        for number in range(300):
            logger.info("{}-{}", "parent" if child else "child", number)
        if child:
            assert os.waitpid(child, 0)[1] == 0
    """
    run_script(code, tmp_path)
    expected = [f"{who}-{number}" for who in ("parent", "child") for number in range(300)]
    assert sorted(messages(tmp_path)) == sorted(["before-0", *expected])
    assert len({line["pid"] for line in logs(tmp_path)}) == 2


def test_a_daemon_that_closes_all_descriptors_never_writes_into_another_file(tmp_path):
    """The number may belong to a database by then."""
    code = """
        import os, sys
        from loguru import logger
        from logagent.formats import add_sink
        logger.remove()
        add_sink(logger, sys.argv[1], script_name="etl")
        logger.info("one")
        child = os.fork()
        if child == 0:
            os.closerange(3, 100)
            others = [os.open(sys.argv[2], os.O_RDWR | os.O_CREAT) for _ in range(20)]
            logger.info("two")
            os._exit(os.stat(sys.argv[2]).st_size)
        assert os.waitpid(child, 0)[1] == 0
        os.closerange(3, 100)
        logger.info("three")
    """
    run_script(code, tmp_path, tmp_path / "database")
    assert messages(tmp_path) == ["one", "two", "three"]


def test_a_stopped_process_that_holds_the_lock_stops_nobody(tmp_path):
    """Who cannot have the lock goes on in the long file."""
    locker = script(
        "import fcntl, os, signal, sys\n"
        "lock = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\nprint('locked', flush=True)\nsignal.pause()\n",
        tmp_path / ".etl.jsonl.lock",
    )
    assert locker.stdout is not None
    assert locker.stdout.readline() == "locked\n"
    locker.send_signal(signal.SIGSTOP)
    file = appender(tmp_path / "etl.jsonl", max_bytes=10)
    for _ in range(3):
        file.append(b"123456789\n")
    file.close()
    locker.kill()
    outcome(locker)
    assert [path.stat().st_size for path in files(tmp_path)] == [30]


def test_files_are_for_the_group_and_nobody_else(tmp_path):
    """0660 and 0770 less the umask: the drop directory is shared by a group."""
    before = os.umask(0o002)
    try:
        with sink(tmp_path / "logs"):
            logger.info("x")
    finally:
        os.umask(before)
    assert (files(tmp_path / "logs")[0].stat().st_mode & 0o777, (tmp_path / "logs").stat().st_mode & 0o777) == (
        0o660,
        0o770,
    )


@pytest.mark.parametrize(
    ("setting", "size"),
    [("10 MB", 10**7), ("1GB", 10**9), ("1.5 KiB", 1536), ("7", 7), (7, 7), ("100 b", 100)],
)
def test_sizes_are_read_as_people_write_them(setting, size):
    """Decimal and binary units."""
    assert size_bytes(setting) == size


@pytest.mark.parametrize("setting", ["1 day", "", "MB", "-1", 0, "10 XB"])
def test_what_is_no_size_is_an_error(setting):
    """Durations too: rotation here is by size."""
    with pytest.raises(ValueError, match="is not a size"):
        size_bytes(setting)
