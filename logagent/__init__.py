"""logagent: the logs of agents' scripts, shipped exactly once and ready to be asked. Imports nothing."""

__version__ = "0.1.0"
