"""The commands that deploy/ starts, and those that its READMEs show, exist."""

import re
import shlex
from collections.abc import Sequence

import click
import pytest

from gateway.cli.root import root
from tests.deploy.reading import DEPLOY, Command, commands

COMMANDS = list(commands())
#: How a README calls the command line: by the compose file, or on the host.
SHOWN = re.compile(r"(?:\brun --rm .*?\bcli|(?:^|/)pointsman) (\w[^<>|#]*)")


def resolve(arguments: Sequence[str]) -> tuple[str, click.Command, list[str]]:
    """Walk down the groups; the last command, its name and what is left for it. Raises ``click.UsageError``."""
    name, rest = "pointsman", list(arguments)
    command: click.Command = root
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found, below, rest = command.resolve_command(click.Context(command, info_name=name), rest)
        assert found is not None
        assert below is not None
        name, command = found, below
    return name, command, rest


def shown() -> list[Command]:
    """The commands in the code blocks of the READMEs."""
    found = []
    for path in sorted(DEPLOY.rglob("README.md")):
        for block in re.findall(r"^```\w*\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if match := SHOWN.search(line):
                    where = f"{path.relative_to(DEPLOY)}: {line}"
                    found.append(Command(where, tuple(shlex.split(match[1]))))
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.where}: {' '.join(command.arguments)}")
def test_a_started_command_is_one_that_the_command_line_takes(command):
    """Each command of the compose file, the units, the manifests and the image parses down to its last option."""
    if command.arguments == ("--help",):
        return
    name, found, rest = resolve(command.arguments)
    assert not isinstance(found, click.Group), f"{command.where}: {name} needs a subcommand"
    found.make_context(name, rest)  # raises for an option, a lane or an argument that there is not


@pytest.mark.parametrize("command", shown(), ids=lambda command: command.where)
def test_a_command_shown_to_the_operator_exists(command):
    """Each command in a README's code block has its subcommand and its options; files need not exist."""
    name, found, rest = resolve(command.arguments)
    assert not isinstance(found, click.Group), f"{name} needs a subcommand"
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word.split("=", 1)[0] for word in rest if word.startswith("--")} <= known | {"--help"}


def test_an_unknown_command_would_be_noticed():
    """The walk through the groups raises for a subcommand that there is not."""
    with pytest.raises(click.UsageError):
        resolve(["work", "--lanes", "open"])


def test_every_lane_and_role_has_a_command():
    """Each way to deploy starts the migration, the sweeper and a worker."""
    for way in ("compose.yaml", ".service", "/pointsman-"):
        started = {command.arguments[0] for command in COMMANDS if way in command.where}
        assert {"db", "sweeper", "worker"} <= started, way
