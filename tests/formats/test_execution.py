"""Runs: every line inside carries the run's id, every way out is told, every kind of process and task finds it."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lines_corpus import parse
from loguru import logger
from written import files, logs, only, outcome, run_script, script, sink, written

from logagent.formats import (
    ExecutionId,
    current_execution_id,
    end_run,
    generate_execution_id,
    log_agent_learning,
    script_execution,
    start_run,
)

START_FIELDS = [
    *(
        "v",
        "kind",
        "timestamp",
        "execution_id",
        "script_name",
        "pid",
        "hostname",
        "start_time",
        "metadata",
        "argv",
        "cwd",
    ),
    *("python", "parent_execution_id", "managed", "boot_id", "pid_namespace", "process_start"),
]
END_FIELDS = [
    *("v", "kind", "timestamp", "execution_id", "script_name", "pid", "hostname", "end_time", "status"),
    *("duration_seconds", "error", "exception"),
]


@pytest.fixture(autouse=True)
def quiet_logger():
    """loguru without its own handler on stderr."""
    logger.remove()
    yield
    logger.remove()


@pytest.fixture
def directory(tmp_path):
    """Where our sink writes during the test."""
    with sink(tmp_path):
        yield tmp_path


def of_kind(directory, kind):
    return [line for line in written(directory) if line["kind"] == kind]


def test_a_run_is_a_start_line_its_logs_and_an_end_line_in_order(directory):
    """All with the run's id and name, in the sink's file."""
    with script_execution("load", {"version": "1.0"}) as execution_id:
        logger.info("inside")
    start, log, end = written(directory)
    assert [line["kind"] for line in (start, log, end)] == ["run_start", "log", "run_end"]
    assert {line["execution_id"] for line in (start, log, end)} == {execution_id}
    assert {line["script_name"] for line in (start, log, end)} == {"load"}
    assert start["timestamp"] <= log["timestamp"] <= end["timestamp"]


def test_run_lines_have_the_fields_of_the_design_in_their_order(directory):
    """Design §4; `git_commit`, `error` and `exception` are absent where there is none."""
    with pytest.raises(ValueError, match="bad"), script_execution("load", {"n": object}):
        raise ValueError("bad")
    start, end = written(directory)
    assert [name for name in start if name != "git_commit"] == START_FIELDS
    assert list(end) == END_FIELDS
    assert (start["managed"], start["metadata"]) == (True, {"n": "<class 'object'>"})
    assert start["python"] == ".".join(map(str, sys.version_info[:3]))
    assert start["parent_execution_id"] is None
    assert (start["start_time"], end["end_time"]) == (start["timestamp"], end["timestamp"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_a_start_line_tells_this_process_from_any_other(directory):
    """Boot, pid namespace, and start ticks, also of a program with a strange name."""
    with script_execution("load"):
        pass
    start = of_kind(directory, "run_start")[0]
    with open("/proc/self/stat") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    assert (start["pid"], start["process_start"]) == (os.getpid(), ticks)
    assert re.fullmatch(r"pid:\[\d+\]", start["pid_namespace"])
    assert len(start["boot_id"]) == 36


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit: 3"),
        (SystemExit("no input"), "SystemExit: no input"),
        (asyncio.CancelledError(), "CancelledError"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
def test_whatever_is_raised_ends_the_run_as_failed_and_is_raised_on(directory, error, text):
    """With type, text and traceback."""
    with pytest.raises(type(error)) as raised, script_execution("load"):
        raise error
    end = of_kind(directory, "run_end")[0]
    assert raised.value is error
    assert (end["status"], end["error"]) == ("failed", text)
    assert end["exception"]["type"] == type(error).__name__
    assert "raise error" in end["exception"]["traceback"]
    assert current_execution_id() is None


@pytest.mark.parametrize("code", [0, None])
def test_leaving_with_exit_code_0_is_a_success(directory, code):
    """`sys.exit(0)` says so itself."""
    with pytest.raises(SystemExit), script_execution("load"):
        sys.exit(code)
    end = of_kind(directory, "run_end")[0]
    assert (end["status"], "error" in end) == ("success", False)


def test_a_cancelled_task_ends_its_run_as_failed(directory):
    """Cancellation is no Exception; it must not slip through."""

    async def work(began: asyncio.Event) -> None:
        async with script_execution("load"):
            began.set()
            await asyncio.Event().wait()

    async def main() -> None:
        began = asyncio.Event()
        task = asyncio.create_task(work(began))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert of_kind(directory, "run_end")[0]["error"] == "CancelledError"


def test_ctrl_c_in_a_script_is_a_failed_run(tmp_path):
    """A real SIGINT to a real process."""
    code = """
        import signal, sys, threading
        from loguru import logger
        from logagent.formats import add_sink, script_execution
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests behind itself ignores it
        logger.remove()
        add_sink(logger, sys.argv[1])
        with script_execution("load"):
            print("ready", flush=True)
            threading.Event().wait(60)
    """
    process = script(code, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert outcome(process)[0] != 0
    assert of_kind(tmp_path, "run_end")[0]["error"] == "KeyboardInterrupt"


def test_nested_runs_keep_their_own_ids_and_name_their_parent(directory):
    """The outer run goes on after the inner one."""
    with script_execution("outer") as outer:
        with script_execution("inner") as inner:
            logger.info("in inner")
        logger.info("in outer")
    assert [line["execution_id"] for line in logs(directory)] == [inner, outer]
    assert [line["parent_execution_id"] for line in of_kind(directory, "run_start")] == [None, outer]


def test_concurrent_tasks_keep_their_own_runs(directory):
    """Siblings, although one begins while the other is open; tasks of theirs belong to them."""

    async def work(name: str, barrier: asyncio.Barrier) -> None:
        async with script_execution(name) as execution_id:
            await barrier.wait()
            await asyncio.create_task(inner(name, execution_id))
            await barrier.wait()

    async def inner(name: str, execution_id: str) -> None:
        logger.bind(expected=execution_id).info(name)

    async def main() -> None:
        barrier = asyncio.Barrier(3)
        await asyncio.gather(*(work(name, barrier) for name in ("a", "b", "c")))

    asyncio.run(main())
    lines = logs(directory)
    assert len({line["execution_id"] for line in lines}) == 3
    assert all(line["execution_id"] == line["extra_data"]["expected"] for line in lines)
    assert [line["parent_execution_id"] for line in of_kind(directory, "run_start")] == [None] * 3
    assert "LOGAGENT_EXECUTION_ID" not in os.environ


def test_a_task_beside_a_run_is_not_in_it(directory):
    """Same thread, other context."""

    async def beside(may_log: asyncio.Event) -> None:
        await may_log.wait()
        logger.info("beside")

    async def main() -> None:
        may_log = asyncio.Event()
        task = asyncio.create_task(beside(may_log))
        async with script_execution("load"):
            may_log.set()
            await task

    asyncio.run(main())
    assert only(logs(directory))["execution_id"] == "unknown"


def test_threads_started_inside_are_inside(directory):
    """Bare threads, pools and `run_in_executor`, which all begin with an empty context."""

    async def in_executor() -> None:
        await asyncio.get_running_loop().run_in_executor(None, logger.info, "executor")

    with script_execution("load") as execution_id:
        thread = threading.Thread(target=logger.info, args=("thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(logger.info, ["pool"] * 4))
        asyncio.run(in_executor())
    lines = logs(directory)
    assert [line["message"] for line in lines] == ["thread", *["pool"] * 4, "executor"]
    assert {line["execution_id"] for line in lines} == {execution_id}


def test_runs_of_two_threads_are_siblings_with_their_own_ids(directory):
    """No thread is given another's run where it is not clear whose it is."""
    both_open, done = threading.Barrier(3), threading.Barrier(3)

    def work(name: str) -> None:
        with script_execution(name) as execution_id:
            both_open.wait()
            logger.bind(expected=execution_id).info(name)
            done.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    both_open.wait()
    logger.bind(expected="unknown").info("main")
    done.wait()
    for thread in threads:
        thread.join()
    assert all(line["execution_id"] == line["extra_data"]["expected"] for line in logs(directory))
    assert [line["parent_execution_id"] for line in of_kind(directory, "run_start")] == [None, None]


def test_a_run_of_a_thread_covers_the_threads_it_starts_but_not_the_main_thread(directory):
    """The main thread was there before; the only open run is not by that its own."""
    inside, done = threading.Barrier(2), threading.Barrier(2)

    def work() -> None:
        with script_execution("load"):
            thread = threading.Thread(target=logger.info, args=("inner thread",))
            thread.start()
            thread.join()
            inside.wait()
            done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    logger.info("main")
    done.wait()
    thread.join()
    inner, main = logs(directory)
    assert inner["execution_id"].startswith("load_")
    assert main["execution_id"] == "unknown"


def test_ten_workers_with_runs_of_their_own_stand_in_the_main_run(directory):
    """The users' stress test."""

    def work(number: int) -> None:
        with script_execution(f"worker{number}"):
            logger.info("x")

    with script_execution("main") as main, ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(10)))
    starts = of_kind(directory, "run_start")
    assert [line["parent_execution_id"] for line in starts] == [None, *[main] * 10]


CHILD = """
    import sys
    from loguru import logger
    from logagent.formats import add_sink, script_execution
    logger.remove()
    add_sink(logger, sys.argv[1], script_name="child")
    logger.info("child")
    with script_execution("own"):
        logger.info("own")
    logger.info("child again")
"""


def test_child_processes_find_the_outermost_run_in_their_environment(directory):
    """A run of their own gets its own id and that parent; the variable goes when the run ends."""
    with script_execution("outer") as outer:
        with script_execution("inner"):
            run_script(CHILD, directory)
        assert os.environ["LOGAGENT_EXECUTION_ID"] == outer
    assert "LOGAGENT_EXECUTION_ID" not in os.environ
    start = only([line for line in of_kind(directory, "run_start") if line["script_name"] == "own"])
    assert start["parent_execution_id"] == outer
    assert [line["execution_id"] for line in logs(directory)] == [outer, start["execution_id"], outer]


def test_what_the_environment_said_before_is_restored(directory, monkeypatch):
    """A run in a child process exports itself to the grandchildren, and then the parent again."""
    monkeypatch.setenv("LOGAGENT_EXECUTION_ID", "grandparent")
    with script_execution("load") as execution_id:
        assert os.environ["LOGAGENT_EXECUTION_ID"] == execution_id
    assert os.environ["LOGAGENT_EXECUTION_ID"] == "grandparent"
    assert of_kind(directory, "run_start")[0]["parent_execution_id"] == "grandparent"


def test_a_forked_child_does_not_end_its_parent_s_run(tmp_path):
    """However it leaves the block; its lines carry the run's id, its own run has it as parent."""
    code = """
        import os, sys, threading
        from loguru import logger
        from logagent.formats import add_sink, script_execution
        logger.remove()
        add_sink(logger, sys.argv[1])
        with script_execution("load"):
            child = os.fork()
            if child == 0:
                logger.info("child")
                thread = threading.Thread(target=logger.info, args=("thread of the child",))
                thread.start()
                thread.join()
                with script_execution("own"):
                    pass
                sys.exit(1)
            os.waitpid(child, 0)
    """
    run_script(code, tmp_path)
    starts, ends = of_kind(tmp_path, "run_start"), of_kind(tmp_path, "run_end")
    assert [line["script_name"] for line in ends] == ["own", "load"]
    assert starts[1]["parent_execution_id"] == starts[0]["execution_id"]
    assert {line["execution_id"] for line in logs(tmp_path)} == {starts[0]["execution_id"]}


def test_a_run_by_hand_covers_what_is_logged_until_its_end(directory):
    """`start_run` and `end_run`, where no block can stand around."""
    execution_id = start_run("nightly", {"n": 1})
    logger.info("inside")
    end_run(execution_id, "failed", ValueError("bad"))
    logger.info("outside")
    start, inside, end, outside = written(directory)
    assert (start["managed"], start["metadata"]) == (False, {"n": 1})
    assert (inside["execution_id"], outside["execution_id"]) == (execution_id, "unknown")
    assert (end["status"], end["error"], end["exception"]["type"]) == ("failed", "ValueError: bad", "ValueError")


def test_runs_by_hand_may_end_in_any_order(directory):
    """The ended one is not fallen back to."""
    first, second = start_run("first"), start_run("second")
    end_run(first)
    assert current_execution_id() == second
    end_run(second, "failed", "text")
    assert current_execution_id() is None
    assert "LOGAGENT_EXECUTION_ID" not in os.environ
    assert of_kind(directory, "run_end")[1]["error"] == "text"


def test_a_run_can_be_ended_by_another_process(directory):
    """Its name stands in its id; how long it took only its own process knows."""
    execution_id = generate_execution_id("nightly job")
    end_run(execution_id)
    end = only(written(directory))
    assert (end["execution_id"], end["script_name"]) == (execution_id, "nightly_job")
    assert "duration_seconds" not in end


def test_misuse_is_an_error_that_says_what_is_wrong(directory):
    """Of the script's author, at once."""
    with pytest.raises(ValueError, match="'done' is not one of success, failed"):
        end_run("x", "done")
    with pytest.raises(TypeError, match="metadata is a str"):
        script_execution("load", "text")  # type: ignore[arg-type]
    run = script_execution("load")
    with run, pytest.raises(RuntimeError, match="has begun already"):
        run.__enter__()


def test_the_execution_id_is_text_with_a_logger(directory):
    """It compares, pickles and formats as text; its logger carries it outside the run too."""
    with script_execution("load") as execution_id:
        pass
    execution_id.logger.info("after")
    again = pickle.loads(pickle.dumps(execution_id))
    assert isinstance(execution_id, str)
    assert re.fullmatch(r"load_\d{8}T\d{6}Z_[0-9a-f]{8}", execution_id)
    assert (again, type(again), again.script_name) == (str(execution_id), ExecutionId, "load")
    line = only(logs(directory))
    assert (line["execution_id"], line["script_name"]) == (execution_id, "load")


def test_without_a_sink_run_lines_go_to_the_log_directory(tmp_path, monkeypatch):
    """`$LOGAGENT_LOG_DIR`, else `logs` in the state directory."""
    monkeypatch.setenv("LOGAGENT_LOG_DIR", str(tmp_path / "named"))
    with script_execution("a b"):
        log_agent_learning("learnt", "f")
    monkeypatch.delenv("LOGAGENT_LOG_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with script_execution("c"):
        pass
    assert [line["kind"] for line in written(tmp_path / "named")] == ["run_start", "learning", "run_end"]
    assert [path.name for path in files(tmp_path / "named")] == ["a_b.jsonl"]
    assert len(written(tmp_path / "logagent" / "logs")) == 2


def test_a_run_ends_where_it_began_and_where_the_sinks_are_by_then(tmp_path, monkeypatch):
    """A sink that is added inside the run, or removed, makes no run that never ends."""
    monkeypatch.setenv("LOGAGENT_LOG_DIR", str(tmp_path / "default"))
    with script_execution("late"), sink(tmp_path / "sink"):
        logger.info("x")
    with sink(tmp_path / "sink2"):
        execution_id = start_run("removed")
    end_run(execution_id)
    assert [line["kind"] for line in written(tmp_path / "default")] == ["run_start", "run_end", "run_end"]
    assert [line["kind"] for line in written(tmp_path / "sink2")] == ["run_start", "run_end"]


def test_huge_metadata_and_arguments_leave_a_valid_line(directory, monkeypatch):
    """Cut with a mark, at most 1 MiB in all."""
    monkeypatch.setattr(sys, "argv", ["x" * 10**6, "\udce9"] * 3)
    with script_execution("load" * 1000, {"big": "é" * 10**6}):
        pass
    assert "[cut, 1000000 characters]" in of_kind(directory, "run_start")[0]["metadata"]["big"]
    assert files(directory)[0].stat().st_size < 2 * 2**20


def test_a_run_in_a_directory_that_was_deleted_works(directory, tmp_path_factory, monkeypatch):
    """There is no `cwd` then."""
    gone = tmp_path_factory.mktemp("gone")
    monkeypatch.chdir(gone)
    gone.rmdir()
    with script_execution("load"):
        pass
    assert of_kind(directory, "run_start")[0]["cwd"] is None


def test_the_commit_is_read_from_the_repository_s_files(tmp_path, directory, monkeypatch):
    """A branch, a detached head, packed refs; no repository, no field."""
    git = tmp_path / "repository" / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (tmp_path / "repository" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "repository" / "below")
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{'b' * 40} refs/heads/main\n")
    with script_execution("packed"):
        pass
    (git / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    with script_execution("branch"):
        pass
    (git / "HEAD").write_text("c" * 40 + "\n")
    with script_execution("detached"):
        pass
    (git / "HEAD").write_text("rubbish\n")
    with script_execution("none"):
        pass
    commits = [line.get("git_commit") for line in of_kind(directory, "run_start")]
    assert commits == ["b" * 40, "a" * 40, "c" * 40, None]


def test_the_reading_side_knows_every_field_of_every_line(directory):
    """One contract: nothing is refused, and nothing lands in `extra_data` that was not bound."""
    with pytest.raises(ValueError, match="bad"), script_execution("load", {"n": 1}):
        logger.bind(tags=["t"], response="r", odd={"half": "\udce9"}).opt(exception=ValueError("x")).error("x")
        log_agent_learning("learnt", "f")
        raise ValueError("bad")
    parsed = parse(files(directory)[0].read_bytes())
    lines = [record.line for record in parsed.records]
    assert parsed.rejects == []
    assert [type(line).__name__ for line in lines] == ["RunStart", "LogLine", "Learning", "RunEnd"]
    assert [bytes(line.extra_data) for line in lines] == [
        *(b"{}", b'{"response":"r","odd":{"half":"\\\\udce9"}}', b"{}", b"{}")
    ]
