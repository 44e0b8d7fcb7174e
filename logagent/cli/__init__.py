"""`logagent`: arguments to objects to exit codes; the composition root. Nobody imports it."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point; a base install, which has no commands, says what to install."""
    try:
        from logagent.cli.main import main as run
    except ModuleNotFoundError as error:
        sys.exit(f"logagent: the commands need {error.name}: pip install 'logagent[all]'")
    run()
