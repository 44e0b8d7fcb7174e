"""The script of `logagent demo`: an import that mostly works. Two lines adopt logagent: the import and `add_sink`."""

from __future__ import annotations

import sys

from loguru import logger

from logagent.formats import add_sink, log_agent_learning, script_execution


def fetch(page: int) -> list[int]:
    """Pretend to fetch one page of rows."""
    rows = list(range(page * 100, page * 100 + 100))
    logger.bind(tags=["fetch"], page=page).debug("fetched page {} ({} rows)", page, len(rows))
    return rows


def write_batch(rows: list[int], clients: int) -> None:
    """Pretend to write to a database that refuses more than 20 clients."""
    if clients > 20:
        logger.warning("pool: 0 idle, 20 in use, {} waiting", clients - 20)
        raise ConnectionError(f"db-7 refused connection {clients}")
    logger.bind(tags=["load"]).info("committed {} rows", len(rows))


def import_rows(clients: int) -> None:
    """The job itself."""
    for page in range(5):
        rows = fetch(page)
        try:
            write_batch(rows, clients)
        except ConnectionError:
            logger.exception("write of page {} failed", page)
            raise


def main(directory: str) -> None:
    """Three runs: two that work, and one with too many clients."""
    logger.remove()
    add_sink(logger, directory, script_name="import_rows")
    for clients in (8, 16, 32):
        try:
            with script_execution("import_rows", {"clients": clients}):
                import_rows(clients)
                if clients == 16:
                    log_agent_learning("16 clients are as fast as 8", "import_rows", {"clients": 16}, confidence=0.7)
        except ConnectionError:
            continue  # the run's end line has the error; the next run may do better


if __name__ == "__main__":
    main(sys.argv[1])
