"""A bulk file as a stream of bytes: a path, or ``-`` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from gateway.cli.exit_codes import CommandError, ExitCode

_COPIED = 1 << 20


@contextmanager
def open_bulk(file: str) -> Iterator[BinaryIO]:
    """Open a bulk file for reading once. Raises ``CommandError`` where it can't be read."""
    if file == "-":
        yield cast("BinaryIO", sys.stdin.buffer)
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below, outside of what may fail here
    except OSError as error:
        raise CommandError(ExitCode.USAGE, f"{file}: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def open_twice(file: str, most: int) -> Iterator[BinaryIO]:
    """Open a bulk file that is read more than once: what can't be wound back is copied to a nameless file first.

    Of such a stream at most ``most`` bytes and one more are copied: who reads it finds it too large then.
    """
    with open_bulk(file) as stream:
        if stream.seekable():
            yield stream
            return
        with TemporaryFile() as copy:
            left = most + 1
            while left > 0 and (data := stream.read(min(_COPIED, left))):
                copy.write(data)
                left -= len(data)
            copy.seek(0)
            yield cast("BinaryIO", copy)
