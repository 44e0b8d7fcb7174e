"""Evaluates answers: 15 natural questions to a made-up history; is the known truth in each, and how large is it?

Run by `make eval-answers`, which asks an SQLite store and the ArangoDB test server, or only one of them
(`STORE=sqlite`, `STORE=arango-test`, or the URL of a new database). Exits 1 unless all 15 are true, `why` stays
under 800 tokens, `errors --new` names the one new error and no other, and two stores give the same answers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from history import LEARNING, NOW_US, RESOLVED_BY, Truth, make_history, store_files

from logagent.formats.times import SECOND_US, utc_text

CHARACTERS_PER_TOKEN = 2.4
WHY_TOKENS = 800
PROGRAM = (sys.executable, "-c", "from logagent.query.cli import main; main()")

DIFFERS = re.compile(r'"since":"[^"]*"|[0-9T:.-]+Z \.\. now|"elapsed":[0-9.]+|running [0-9hms]+|"score":[0-9.e-]+')
"""All that the same question asked twice may tell otherwise: where `24h ago` was, how long a run has run. And the
scores of ranked events: how BM25 weighs is each engine's own."""


class Question(NamedTuple):
    """A question as people ask it, the command, and what its answer has to hold."""

    text: str
    command: tuple[str, ...]
    truths: tuple[str, ...]
    lies: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What came back."""

    question: Question
    text: str

    @property
    def tokens(self) -> int:
        """As the budget counts them."""
        return -(-len(self.text) * 10 // int(CHARACTERS_PER_TOKEN * 10))

    @property
    def is_true(self) -> bool:
        """Holds all that is known, and nothing that is known to be wrong."""
        held = all(truth in self.text for truth in self.question.truths)
        return held and not any(lie in self.text for lie in self.question.lies)


def questions(truth: Truth) -> list[Question]:
    """The fifteen."""
    around = [utc_text(truth.error_us + seconds * SECOND_US) for seconds in (-60, 60)]
    noise = ("Metrics endpoint", "KeyError")
    return [
        Question("is the store set up?", (), ("runs 60", "events")),
        Question("errors of the last 24 hours?", ("errors", "--since", "24h"), ("ConnectionError",), ("KeyError",)),
        Question("why did the last run fail?", ("why",), ("db-7 refused connection", "waiting", LEARNING, truth.base)),
        Question("is this error new?", ("errors", "--new", "--script", "etl"), ("1 error\n", "NEW 1x etl"), noise),
        Question("who else hit it?", ("similar", "db-7 refused connection"), ("export 3x in 3 runs",)),
        Question("what fixed it?", ("similar", "KeyError 'total'"), (RESOLVED_BY, "held until now")),
        Question("slowest runs today?", ("runs", "--slowest", "--since", "24h", "-n", "3"), (truth.slow, "10m4")),
        Question("what changed since the last good run?", ("diff", "@last-failed"), ('"workers":16', '"workers":32')),
        Question(
            "what does this script usually do?",
            ("patterns", "-r", "@last-good:etl"),
            ("12x I Fetched page {i} ({n} rows) from {url}", "4x I Committed {n} rows"),
        ),
        Question("which step is slow?", ("diff", truth.slow), ("took", "Transformed {n} rows in {took}s")),
        Question("what is running now?", ("runs", "--status", "running"), (truth.hanging, "1 run\n")),
        Question("is a run overdue?", ("overdue",), ("OVERDUE", truth.hanging, "Committed {n} rows")),
        Question("what did we learn about workers?", ("learn", "search", "workers"), (LEARNING, "applied 3")),
        Question("show the traceback", ("show", "@last-failed"), ("db.py", "write_batch", "Traceback")),
        Question(
            "what happened around then?", ("search", "--since", around[0], "--until", around[1]), ("Write failed",)
        ),
    ]


def ask(url: str, *words: str) -> str:
    """The answer of a real process; the environment names the store, so that no answer does."""
    environ = {**os.environ, "LOGAGENT_STORE": url}
    ended = subprocess.run((*PROGRAM, *words), capture_output=True, text=True, timeout=60, check=False, env=environ)
    return ended.stdout + ended.stderr


def evaluate(url: str, truth: Truth) -> list[Answer]:
    """Every question asked."""
    return [Answer(question, ask(url, "-o", "compact", *question.command)) for question in questions(truth)]


def table(answers: list[Answer]) -> str:
    """For people."""
    rows = [f"{'true' if a.is_true else 'NO':<5} {a.tokens:>5}  {a.question.text:<40} {_shown(a)}" for a in answers]
    true = sum(answer.is_true for answer in answers)
    total = sum(answer.tokens for answer in answers)
    return "\n".join(
        ["truth tokens  question" + " " * 33 + "command", *rows, f"{true} of {len(answers)}, {total} tokens"]
    )


def _shown(answer: Answer) -> str:
    return " ".join(("logagent-query", *answer.question.command))


def false_news(url: str) -> list[str]:
    """Errors called new that are none."""
    found = json.loads(ask(url, "-o", "json", "errors", "--new"))
    return [str(item["type"]) for item in found["items"] if item["type"] != "ConnectionError"]


def told_otherwise(one: list[Answer], other: list[Answer]) -> list[str]:
    """Questions that two stores answer otherwise, but for what two moments make of an answer."""
    pairs = zip(one, other, strict=True)
    return [a.question.text for a, b in pairs if DIFFERS.sub("-", a.text) != DIFFERS.sub("-", b.text)]


@contextmanager
def made_stores(asked: str, directory: str) -> Iterator[dict[str, str]]:
    """URLs of new stores, by the name that the table has for them."""
    urls = {"sqlite": f"sqlite://{directory}/logs.db"} if asked in ("", "sqlite") else {}
    if "://" in asked:
        urls["the store named"] = asked
    if asked not in ("", "arango-test"):
        yield urls
        return
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from arango_server import ArangoServer

    with ArangoServer() as server:
        os.environ["ARANGO_PASSWORD"] = server.password
        yield urls | {"arango-test": f"arangodb://root@127.0.0.1:{server.port}/history"}


def main() -> int:
    """The table, and the verdict."""
    found: dict[str, list[Answer]] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as directory, made_stores(os.environ.get("STORE", ""), directory) as urls:
        truth = make_history(Path(directory), NOW_US)
        for name, url in urls.items():
            store_files(url, Path(directory) / "logs")
            found[name] = evaluate(url, truth)
            wrong += false_news(url)
    name, answers = next(iter(found.items()))
    print(table(answers))
    why = next(answer for answer in answers if answer.question.command == ("why",))
    print(f"why: {why.tokens} tokens of {WHY_TOKENS}; false news: {', '.join(wrong) or 'none'}; store: {name}")
    otherwise: list[str] = []
    for other, theirs in list(found.items())[1:]:
        otherwise = told_otherwise(answers, theirs)
        true = sum(answer.is_true for answer in theirs)
        said = "the same answers" if not otherwise else "OTHERWISE: " + " ".join(otherwise)
        print(f"{other}: {true} of {len(theirs)} true, {said}")
    every = [answer for each in found.values() for answer in each]
    for answer in every:
        if not answer.is_true:
            print(f"--- {answer.question.text}\n{answer.text}")
    held = all(answer.is_true for answer in every) and why.tokens <= WHY_TOKENS
    return 0 if held and not wrong and not otherwise else 1


if __name__ == "__main__":
    sys.exit(main())
