"""The doorbell: messages that say where work is. Losing one loses nothing, the sweeper rings again."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery import Celery
from sqlalchemy import Engine

from schemas.database import query
from schemas.vocabulary import Tier
from workers.lanes import INTAKE, queue

_log = structlog.get_logger(__name__)

PLAN_TASK = "pointsman.plan"
DISPATCH_TASK = "pointsman.dispatch"


class Bell:
    """Publishes what the database says is due."""

    def __init__(self, app: Celery, engine: Engine, *, window: int, again_s: float) -> None:
        self._app = app
        self._engine = engine
        self._window = window
        self._again_s = again_s

    def ring_due(self) -> int:
        """Announce chunks with due work that nobody heard of lately; returns how many."""
        with self._engine.begin() as connection:
            due = connection.execute(
                query("workers", "ring_chunks"), {"window": self._window, "again_s": self._again_s}
            ).all()
        return self.ring([(row.id, Tier(row.lane)) for row in due])

    def ring(self, chunks: Sequence[tuple[int, Tier]]) -> int:
        """Announce chunks; returns how many messages the broker took."""
        return self._publish([(DISPATCH_TASK, [chunk], queue(lane)) for chunk, lane in chunks])

    def ring_unplanned(self) -> int:
        """Announce accepted batches that wait for their plan."""
        with self._engine.begin() as connection:
            due = connection.execute(query("workers", "ring_batches"), {"again_s": self._again_s}).all()
        return self._publish([(PLAN_TASK, [row.id], queue(INTAKE)) for row in due])

    def ring_batch(self, batch_id: str) -> bool:
        """Announce one accepted batch; False when the broker is away, which only delays it."""
        return self._publish([(PLAN_TASK, [batch_id], queue(INTAKE))]) == 1

    def _publish(self, messages: Sequence[tuple[str, list[object], str]]) -> int:
        if not messages:
            return 0
        sent = 0
        try:
            with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
                for task, args, to in messages:
                    self._app.send_task(task, args=args, queue=to, producer=producer, ignore_result=True)
                    sent += 1
        except Exception as error:  # noqa: BLE001 - away, full, read-only: whatever it is, the sweeper rings again
            _log.warning("bell.broker_away", unsent=len(messages) - sent, error=type(error).__name__)
        return sent
