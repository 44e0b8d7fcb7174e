"""What works with loguru alone, and what the commands say then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

QUERY = ("apsw", "click", "dotenv", "msgspec", "orjson", "psutil", "rich", "xxhash")

BLOCK = """
import sys
THERE = ("logagent", "loguru", *{more!r})
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        ours = top in THERE or top.startswith("_sysconfigdata")
        if not (ours or top in sys.stdlib_module_names):
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Block())
"""


def run(code: str, *, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    blocked = BLOCK.format(more=more) + code
    return subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["logagent.cli", "logagent.query.__main__"])
def test_a_command_without_its_extra_says_what_to_install(module: str) -> None:
    done = run(f"from {module} import main; main()")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("the commands need click: pip install 'logagent[all]'")


def test_the_daemon_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    """Whoever installed the questions alone has the daemon's commands, too."""
    code = f"import sys; sys.argv[1:] = ['run', '--once', '--state-dir', {str(tmp_path)!r}]"
    done = run(f"{code}\nfrom logagent.cli import main; main()", more=QUERY)
    assert done.returncode == 1
    assert done.stderr.strip() == "logagent: the commands need zstandard: pip install 'logagent[all]'"


def test_a_script_needs_loguru_alone(tmp_path: Path) -> None:
    done = run(
        "from loguru import logger\n"
        "from logagent.formats import add_sink, log_agent_learning, script_execution\n"
        f"add_sink(logger, {str(tmp_path)!r}, script_name='etl')\n"
        "with script_execution('etl', {'version': '1.0'}):\n"
        "    logger.info('hi')\n"
        "    log_agent_learning('batches of 100', 'load', {'n': 100}, confidence=0.9)\n"
    )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "etl.jsonl").read_text().splitlines()) == 4
