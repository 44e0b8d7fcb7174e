"""The sink: every log call becomes one native line, whatever is bound to it and whoever calls."""

from __future__ import annotations

import copy
import json
import multiprocessing
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines_corpus import parse
from loguru import logger
from written import files, logs, only, run_script, sink, written

from logagent.formats import add_sink, script_execution
from logagent.formats.native_line import LINE_BYTES, RESPONSE_BYTES

LOG_FIELDS = [
    *("v", "kind", "timestamp", "execution_id", "script_name", "pid", "hostname", "level", "level_no", "message"),
    *("function_name", "file_path", "line_number", "extra_data", "tags"),
]


@pytest.fixture(autouse=True)
def quiet_logger():
    """loguru without its own handler on stderr."""
    logger.remove()
    yield
    logger.remove()
    logger.configure(extra={}, patcher=None)


def test_a_log_line_has_the_fields_of_the_design_in_their_order(tmp_path):
    """Design §4; `exception` is absent where there is none."""
    with sink(tmp_path):
        logger.info("loaded {} rows", 42)
    line = only(logs(tmp_path))
    assert list(line) == LOG_FIELDS
    assert (line["v"], line["kind"], line["level"], line["level_no"]) == (1, "log", "INFO", 20)
    assert line["message"] == "loaded 42 rows"
    assert line["execution_id"] == "unknown"
    assert line["function_name"] == "test_a_log_line_has_the_fields_of_the_design_in_their_order"
    assert line["file_path"] == __file__


def test_times_are_utc_with_six_digits_wherever_the_machine_stands(tmp_path):
    """RFC 3339 with `Z`: a summer evening in New York is the next day in UTC."""
    code = """
        import sys
        from datetime import datetime, timedelta, timezone
        from loguru import logger
        from logagent.formats import add_sink
        logger.remove()
        add_sink(logger, sys.argv[1])
        east = datetime(2026, 7, 1, 22, 0, 0, tzinfo=timezone(timedelta(hours=-4)))
        for time in (east, east.replace(microsecond=7), east.replace(year=1969), east.replace(tzinfo=None)):
            logger.patch(lambda record: record.update(time=time)).info("x")
    """
    run_script(code, tmp_path, TZ="America/New_York")
    assert [line["timestamp"] for line in logs(tmp_path)] == [
        "2026-07-02T02:00:00.000000Z",
        "2026-07-02T02:00:00.000007Z",
        "1969-07-02T02:00:00.000000Z",
        "2026-07-02T02:00:00.000000Z",
    ]


def test_what_is_bound_arrives_less_the_fields_with_a_place_of_their_own(tmp_path):
    """A bound `extra_data` dictionary is merged; nothing that is bound twice is lost."""
    with sink(tmp_path):
        logger.bind(execution_id="run-1", script_name="other", tags=["a", "b"], rows=1, extra_data={"t": 2}).info("x")
        logger.bind(rows=1, extra_data={"rows": 2, "t": 3}).info("y")
        logger.bind(extra_data="text", tags="one").info("z {n}", n=4)
    first, second, third = logs(tmp_path)
    assert (first["execution_id"], first["script_name"], first["tags"]) == ("run-1", "other", ["a", "b"])
    assert first["extra_data"] == {"rows": 1, "t": 2}
    assert second["extra_data"] == {"rows": 1, "t": 3, "extra_data": {"rows": 2}}
    assert (third["extra_data"], third["tags"]) == ({"extra_data": "text", "n": 4}, ["one"])


def test_loguru_s_own_ways_to_add_things_all_work(tmp_path):
    """bind, contextualize, patch, configure, opt(lazy), opt(raw), opt(colors)."""
    logger.configure(extra={"configured": 1})
    with sink(tmp_path):
        with logger.contextualize(request=7):
            logger.patch(lambda record: record["extra"].update(patched=True)).bind(bound="b").info("one")
        logger.opt(lazy=True).info("two {}", lambda: 2)
        logger.opt(raw=True).info("three\n")
        logger.opt(colors=True).info("<red>four</red>")
    lines = logs(tmp_path)
    assert lines[0]["extra_data"] == {"configured": 1, "request": 7, "patched": True, "bound": "b"}
    assert [line["message"] for line in lines] == ["one", "two 2", "three\n", "four"]


def test_values_that_json_has_no_form_for_become_their_repr(tmp_path):
    """Trap: unpicklable and unserialisable extras."""
    lock = threading.Lock()
    with sink(tmp_path):
        logger.bind(
            lock=lock, raw=b"\xff", nan=float("nan"), half="\udce9", path=Path("/a"), keys={1: 2, None: 3}
        ).info("")
    extra = only(logs(tmp_path))["extra_data"]
    assert extra == {
        "lock": repr(lock),
        "raw": repr(b"\xff"),
        "nan": "nan",
        "half": "\\udce9",
        "path": repr(Path("/a")),
        "keys": {"1": 2, "null": 3},
    }


class Hostile:
    """A value of the host whose code fails whichever way it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class HostileError(Exception):
    __str__ = Hostile.__repr__


def test_values_whose_own_code_fails_do_not_cost_the_line(tmp_path):
    """The repr, the text and the patcher are the host's code."""
    with sink(tmp_path):
        logger.bind(x=Hostile(), execution_id=Hostile(), tags=[Hostile()]).info("one")
        logger.patch(lambda record: record.update(function=None)).info("two")
    first, second = logs(tmp_path)
    assert first["extra_data"] == {"x": "<Hostile whose repr failed: RuntimeError>"}
    assert "two" in second["message"]
    assert "unwritable_record" in second["extra_data"]


def test_an_exception_arrives_with_type_text_traceback_and_frames(tmp_path):
    """Trap: traceback and exception type never stored. Causes stand in the text."""
    with sink(tmp_path):
        try:
            try:
                int("x")
            except ValueError as cause:
                raise KeyError("rows") from cause
        except KeyError:
            logger.exception("failed")
    exception = only(logs(tmp_path))["exception"]
    assert list(exception) == ["type", "value", "traceback", "frames"]
    assert (exception["type"], exception["value"]) == ("KeyError", "'rows'")
    assert "ValueError: invalid literal" in exception["traceback"]
    assert exception["traceback"].endswith("KeyError: 'rows'\n")
    [frame] = exception["frames"]
    assert (frame["file"], frame["function"]) == (
        __file__,
        test_an_exception_arrives_with_type_text_traceback_and_frames.__name__,
    )


def test_an_exception_in_any_shape_leaves_a_valid_line(tmp_path):
    """Never raised, raised nowhere, deep recursion, groups, texts that fail."""

    def deeper() -> None:
        deeper()

    with sink(tmp_path):
        logger.opt(exception=ValueError("never raised")).error("1")
        logger.exception("nothing was raised")
        for error in (ExceptionGroup("several", [ValueError(1), TypeError(2)]), HostileError()):
            logger.opt(exception=error).error("2")
        try:
            deeper()
        except RecursionError:
            logger.exception("3")
    lines = logs(tmp_path)
    assert [line.get("exception", {}).get("type") for line in lines] == [
        *("ValueError", None, "ExceptionGroup", "HostileError", "RecursionError")
    ]
    assert len(lines[-1]["exception"]["frames"]) == 100


def test_cyclic_deep_and_endless_values_are_cut_with_a_mark(tmp_path):
    """Bounded in depth, in length and where a value contains itself."""
    cyclic: dict[str, object] = {"name": "me"}
    cyclic["self"] = cyclic
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with sink(tmp_path):
        logger.bind(cyclic=cyclic, deep=deep).info("shapes")
        logger.bind(wide=list(range(10**6))).info("sizes")
    shapes, sizes = logs(tmp_path)
    assert shapes["extra_data"]["cyclic"] == {"name": "me", "self": "<cycle>"}
    assert "nested deeper than 50" in json.dumps(shapes["extra_data"]["deep"])
    assert sizes["extra_data"]["wide"][-1].endswith("more]")


@pytest.mark.parametrize("text", ["x", "é", "\n", '"', "\udce9", "\x01"])
def test_no_line_is_longer_than_the_daemon_takes(tmp_path, text):
    """1 MiB with the newline, whatever needs how many bytes or escapes."""
    with sink(tmp_path):
        try:
            raise ValueError(text * 2_000_000)
        except ValueError:
            logger.bind(response=text * 2_000_000, other=[text * 2_000_000] * 2, tags=[text * 2_000_000]).exception(
                text * 2_000_000
            )
    [path] = files(tmp_path)
    assert path.stat().st_size <= LINE_BYTES
    line = only(logs(tmp_path))
    assert all("[cut" in part for part in (line["message"], line["extra_data"]["response"], line["tags"][0]))


def test_a_response_stays_whole_up_to_1_mb_whatever_else_is_bound(tmp_path):
    """Counted as JSON text, quotes and all; the others give way."""
    response = "r" * (RESPONSE_BYTES - 2)
    with sink(tmp_path):
        logger.bind(before="é" * 900_000, response=response, after=["x"] * 900_000).info("m" * 900_000)
    line = only(logs(tmp_path))
    assert line["extra_data"]["response"] == response
    assert "[cut, 900000 characters]" in line["message"]


def test_ids_paths_tags_and_tracebacks_stay_whole(tmp_path):
    """Trap: truncation is for showing, never for storing."""
    execution_id, tag, item = "run-" + "i" * 500, "t" * 500, "p" * 5000
    with sink(tmp_path):
        logger.bind(execution_id=execution_id, tags=[tag], path=item, embeddings=[0.25] * 1536).info("x" * 5000)
    line = only(logs(tmp_path))
    assert (line["execution_id"], line["tags"], line["message"]) == (execution_id, [tag], "x" * 5000)
    assert line["extra_data"] == {"path": item, "embeddings": [0.25] * 1536}


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.booleans(), inner)
        | st.tuples(inner)
    ),
    max_leaves=20,
)


@given(values=st.dictionaries(st.text(), JSON_LIKE, max_size=4), message=st.text())
def test_any_value_bound_gives_one_valid_line(tmp_path_factory, values, message):
    """One JSON object, valid UTF-8, one LF at its end, finite numbers only, and nothing the reading side refuses."""
    directory = tmp_path_factory.mktemp("any")
    values.pop("message", None)
    with sink(directory):
        logger.patch(lambda record: record["extra"].update(values)).opt(raw=True).info("{}", message)
    [path] = files(directory)
    data = path.read_bytes()
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    line = json.loads(data.decode("utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert [name for name in line if name != "exception"] == LOG_FIELDS
    parsed = parse(data)
    assert (len(parsed.records), parsed.rejects) == (1, [])


def test_the_host_s_handlers_stay(tmp_path):
    """Trap: handlers of the host removed at import or by adding ours."""
    seen: list[str] = []
    own = logger.add(seen.append, format="{message}")
    with sink(tmp_path):
        logger.info("both")
    logger.info("host only")
    logger.remove(own)
    assert [message.strip() for message in seen] == ["both", "host only"]
    assert [line["message"] for line in logs(tmp_path)] == ["both"]


def test_levels_and_filters_hold(tmp_path):
    """`level` and `filter` are loguru's."""
    with sink(tmp_path, level="WARNING", filter=lambda record: "no" not in record["message"]):
        for message in ("yes", "no"):
            logger.info(message)
            logger.error(message)
    assert [line["message"] for line in logs(tmp_path)] == ["yes"]


def test_several_sinks_each_get_every_line(tmp_path):
    """Log lines and the run's own, in both directories, alike."""
    with sink(tmp_path / "a"), sink(tmp_path / "b"), script_execution("etl"):
        logger.info("inside")
    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert [line["kind"] for line in written(tmp_path / "a")] == ["run_start", "log", "run_end"]


def test_a_bad_setting_is_an_error_that_names_it(tmp_path):
    """And leaves no handler behind."""
    for settings in (
        {"rotation": "1 day"},
        {"retention": -1},
        {"compression": "zip"},
        {"rotation": 0},
        {"level": "LOUD"},
    ):
        with pytest.raises(ValueError, match=re.escape(str(next(iter(settings.values()))))):
            add_sink(logger, tmp_path, **settings)
    assert not logger._core.handlers
    with script_execution("etl"):
        logger.info("goes nowhere")
    assert not files(tmp_path)


def test_nothing_logged_before_the_end_of_the_process_is_lost(tmp_path):
    """Trap: records lost between the last call and exit; here with `os._exit`, which flushes nothing."""
    code = """
        import os, sys
        from loguru import logger
        from logagent.formats import add_sink
        logger.remove()
        add_sink(logger, sys.argv[1])
        for number in range(100):
            logger.info("line {}", number)
        os._exit(0)
    """
    run_script(code, tmp_path)
    assert [line["message"] for line in logs(tmp_path)] == [f"line {number}" for number in range(100)]


def test_a_queue_of_loguru_s_keeps_run_order_and_exceptions(tmp_path):
    """With `enqueue` records are pickled: the run is noted in the caller's thread, the traceback as text."""
    with sink(tmp_path, enqueue=True), script_execution("etl") as execution_id:
        logger.bind(n=1).info("inside")
        try:
            raise ValueError("bad")
        except ValueError:
            logger.exception("failed")
    lines = written(tmp_path)
    assert [line["kind"] for line in lines] == ["run_start", "log", "log", "run_end"]
    assert {line["execution_id"] for line in lines} == {execution_id}
    assert lines[2]["exception"]["type"] == "ValueError"
    assert "Traceback" in lines[2]["exception"]["traceback"]


def log_in_child(passed_logger, message):
    passed_logger.info(message)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_write_with_their_own_pid(tmp_path, method):
    """A forked child has the sink in its memory, a spawned one gets it pickled with the logger."""
    with sink(tmp_path):
        context = multiprocessing.get_context(method)
        child = context.Process(target=log_in_child, args=(logger, "from the child"))
        with script_execution("etl") as execution_id:
            child.start()
            child.join()
    line = only(logs(tmp_path))
    assert child.exitcode == 0
    assert (line["message"], line["pid"], line["execution_id"]) == ("from the child", child.pid, execution_id)
    child.close()


def test_a_logger_with_our_sink_can_be_copied(tmp_path):
    """loguru's recipe for a second logger is `copy.deepcopy`."""
    with sink(tmp_path):
        second = copy.deepcopy(logger)
        second.info("copy")
        second.remove()
        logger.info("first")
    assert [line["message"] for line in logs(tmp_path)] == ["copy", "first"]


def test_eight_threads_lose_and_tear_nothing(tmp_path):
    """Through three rotations."""

    def work(thread: int) -> None:
        for number in range(250):
            logger.info("{}-{}", thread, number)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    with sink(tmp_path, rotation="200 KB"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    messages = [line["message"] for line in logs(tmp_path)]
    assert sorted(messages) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(250))
    assert len(files(tmp_path)) > 2


def test_importing_pulls_in_nothing_but_the_standard_library():
    """Design §3: not even loguru, and none of what makes an import slow."""
    code = """
        import sys
        before = set(sys.modules)
        import logagent.formats
        new = {name.partition(".")[0] for name in set(sys.modules) - before} - {"logagent"}
        print(sorted(new - set(sys.stdlib_module_names)))
        print(sorted({"asyncio", "dataclasses", "logging", "typing", "importlib.metadata"} & set(sys.modules)))
    """
    assert run_script(code).splitlines()[:2] == ["[]", "[]"]


def test_with_loguru_alone_a_script_can_do_everything(tmp_path):
    """All other distributions are hidden, as after a plain `pip install logagent`."""
    code = """
        import logging, sys
        class Hidden:
            def find_spec(self, name, path=None, target=None):
                top = name.partition(".")[0]
                known = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
                if not known and top not in ("loguru", "logagent"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Hidden())
        from loguru import logger
        from logagent import formats
        logger.remove()
        formats.add_sink(logger, sys.argv[1], compression="gz")
        formats.intercept_stdlib()
        with formats.script_execution("etl"):
            logging.getLogger("x").warning("plain")
            formats.log_api_error("llm", ValueError("bad"))
            formats.log_agent_learning("learnt", "f")
    """
    run_script(code, tmp_path)
    assert [line["kind"] for line in written(tmp_path)] == ["run_start", "log", "log", "learning", "run_end"]


def test_the_file_is_named_after_the_script_that_runs(tmp_path):
    """Of a package run with `-m` the package's name."""
    (tmp_path / "my etl.py").write_text(
        "import sys\nfrom loguru import logger\nfrom logagent.formats import add_sink\n"
        "logger.remove()\nadd_sink(logger, sys.argv[1])\nlogger.info('x')\n"
    )
    run_script(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])", tmp_path / "my etl.py", tmp_path
    )
    [path] = files(tmp_path)
    assert path.name == "my_etl.jsonl"
    assert only(logs(tmp_path))["script_name"] == "my etl"
