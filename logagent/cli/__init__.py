"""`logagent`: arguments to objects to exit codes; the composition root. Nobody imports it."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point; says what to install where a command needs more than there is (in a base install all do)."""
    try:
        from logagent.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        sys.exit(f"logagent: the commands need {error.name}: pip install 'logagent[all]'")
