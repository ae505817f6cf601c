"""The README says what is so: its settings, its commands and its way of submitting a batch."""

from __future__ import annotations

import re
from pathlib import Path

import click

from gateway.cli.config import markdown_table
from gateway.cli.root import root

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def test_the_table_of_settings_is_what_the_program_prints():
    """Made again by: pointsman config --markdown."""
    table = README.split("<!-- settings: made by `pointsman config --markdown` -->")[1].split(
        "<!-- end of settings -->"
    )[0]
    assert table.strip() == "\n".join(markdown_table())


def test_every_command_that_it_shows_exists_with_its_options():
    """Each `pointsman ...` line in a block of code names commands and options that the program has."""
    shown = [
        line.split("#")[0].split()[1:]
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
        if not language
        for line in block.splitlines()
        if line.startswith("pointsman ")
    ]
    assert len(shown) > 10
    for words in shown:
        command: click.Command = root
        context = click.Context(root)
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            assert found is not None, shown
            command = found
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_the_ten_lines_for_producers_are_what_a_worker_takes():
    """The message in the README is a valid submission, sent to a queue that workers listen on."""
    from schemas.submission import SUBMIT_TASK, Submission, read_submission
    from workers.lanes import INTAKE, queue

    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    sent: list[tuple[str, dict[str, object], str]] = []

    class Producer:
        """Notes what the README's lines send."""

        def __init__(self, broker: str) -> None:
            self.broker = broker

        def send_task(self, name: str, *, kwargs: dict[str, object], queue: str, ignore_result: bool) -> None:
            sent.append((name, kwargs, queue))

    exec(code[1].replace("from celery import Celery", ""), {"Celery": Producer})  # noqa: S102 - our own README
    ((name, kwargs, to),) = sent
    assert (name, to) == (SUBMIT_TASK, queue(INTAKE))
    assert isinstance(read_submission(kwargs), Submission)
