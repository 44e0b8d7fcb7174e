"""`logagent-query`, also as `python -m logagent.query`."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point; a base install, which has no commands, says what to install."""
    try:
        from logagent.query.cli import main as run
    except ModuleNotFoundError as error:
        sys.exit(f"logagent-query: the commands need {error.name}: pip install 'logagent[all]'")
    run()


if __name__ == "__main__":
    main()
