"""The teller: passes on what settling brought, in a thread of its own, so that nobody waits for those who are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

from schemas.vocabulary import Tier

_log = structlog.get_logger(__name__)
_STOP_S = 5.0


class Teller:
    """Calls ``on_opened`` and ``on_ended`` one after the other; what comes meanwhile is told together.

    What could not be told is forgotten: the sweeper finds it in the database.
    """

    def __init__(
        self,
        on_opened: Callable[[Sequence[tuple[int, Tier]]], object],
        on_ended: Callable[[frozenset[str]], None],
    ) -> None:
        self._on_opened = on_opened
        self._on_ended = on_ended
        self._news = threading.Condition()
        self._opened: list[tuple[int, Tier]] = []
        self._ended: frozenset[str] = frozenset()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left, then end; a listener that does not return is left alone."""
        with self._news:
            self._stopping = True
            self._news.notify()
        self._thread.join(timeout=_STOP_S)

    def tell(self, opened: Sequence[tuple[int, Tier]], ended: frozenset[str]) -> None:
        """Hand over news and return at once."""
        if opened or ended:
            with self._news:
                self._opened += opened
                self._ended |= ended
                self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._opened or self._ended or self._stopping)
                opened, ended = self._opened, self._ended
                self._opened, self._ended = [], frozenset()
                if not opened and not ended:
                    return
            try:
                if opened:
                    self._on_opened(opened)
                if ended:
                    self._on_ended(ended)
            except Exception as error:  # noqa: BLE001 - a listener's fault is no reason to tell nothing more
                _log.warning("settled.untold", chunks=len(opened), batches=len(ended), error=type(error).__name__)
