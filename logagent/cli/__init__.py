"""`logagent`: arguments to objects to exit codes; the composition root. Nobody imports it."""

from logagent.cli.main import main

__all__ = ["main"]
