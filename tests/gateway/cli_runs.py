"""Running the command line: in this process by click's runner, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.root import root

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "mixed_bulk.jsonl"
BAD_LINES = ROOT / "examples" / "bad_lines.jsonl"
_ENTRY = "from gateway.cli import main; main()"
#: Keys and settings of whoever runs the tests must not decide how they end.
_FOREIGN = ("POINTSMAN_", "_API_KEY", "_BASE_URL")


class Cli:
    """The command line in an environment of its own, in a folder of its own."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = dict(env)

    def __call__(self, *args: str, stdin: str | bytes | None = None, **env: str) -> Result:
        """Run in this process."""
        return CliRunner().invoke(root, list(args), input=stdin, env={**self.env, **env})

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-c", _ENTRY, *args]

    def environment(self, **env: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not any(word in name for word in _FOREIGN)}
        return {**kept, "PYTHONPATH": str(ROOT), **self.env, **env}

    def process(self, *args: str, stdin: bytes | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
        """Run as a process of its own."""
        return subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            env=self.environment(**env),
            cwd=self.folder,
            timeout=60,
            check=False,
        )


def without_pace(said: str) -> str:
    """What a command said, less the lines that a busy machine makes it say after two seconds."""
    return "".join(line for line in said.splitlines(keepends=True) if not line.endswith(" a second)\n"))
