"""The command line: ``pointsman`` and its commands, one module a command, each imported only when it is asked for."""

from gateway.cli.root import main

__all__ = ["main"]
