"""The command line: one file per command, each imported only when it is called."""

from scaffold.cli.main import main

__all__ = ["main"]
