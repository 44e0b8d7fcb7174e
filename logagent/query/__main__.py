"""`python -m logagent.query` is `logagent-query`."""

from __future__ import annotations

from logagent.query.cli import main

main()
