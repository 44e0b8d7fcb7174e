"""`python -m logagent` is `logagent`."""

from logagent.cli import main

main()
