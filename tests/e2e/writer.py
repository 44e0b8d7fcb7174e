"""A script that logs with our sink: `python -m tests.e2e.writer DIRECTORY NAME LINES SECONDS ROTATION SCRIPT`."""

from __future__ import annotations

import sys
import time

from loguru import logger

from logagent.formats import add_sink

BURST = 100


def main(directory: str, name: str, lines: str, seconds: str, rotation: str, script: str) -> None:
    """Log `<name>-<n>`, in bursts, spread over about so many seconds."""
    logger.remove()
    add_sink(logger, directory, script_name=script, rotation=rotation, retention=None)
    count, began = int(lines), time.monotonic()
    for n in range(count):
        if n % BURST == 0:
            time.sleep(max(began + float(seconds) * n / count - time.monotonic(), 0))
        logger.info(f"{name}-{n}")


if __name__ == "__main__":
    main(*sys.argv[1:])
