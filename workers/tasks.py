"""The Celery tasks: thin, and silent about what a message holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery

from schemas.submission import SUBMIT_TASK
from workers.bell import DISPATCH_TASK, PLAN_TASK
from workers.dispatch import Dispatcher
from workers.planning import plan
from workers.runtime import Runtime
from workers.submitting import take_message
from workers.sweep import finish_batches

_log = structlog.get_logger(__name__)


def register(app: Celery, runtime: Runtime, dispatcher: Dispatcher) -> None:
    """Give an application the three tasks of Pointsman."""

    def dispatch(chunk_id: int) -> None:
        dispatcher.work(chunk_id)

    def plan_batch(batch_id: str) -> None:
        settings = runtime.settings
        if plan(
            runtime.engine,
            batch_id,
            runtime.rulebook,
            runtime.reach,
            chunk_jobs=settings.chunk_jobs,
            hold_days=settings.hold_days,
        ):
            _log.info("batch.planned", batch_id=batch_id)
            runtime.bell.ring_due()
            finish_batches(runtime.engine, [batch_id])

    def submit(**kwargs: Any) -> None:
        take_message(runtime, kwargs)

    for name, task in ((DISPATCH_TASK, dispatch), (PLAN_TASK, plan_batch), (SUBMIT_TASK, submit)):
        app.task(name=name, typing=False, shared=False)(_guarded(name, task))


def _guarded(name: str, task: Callable[..., None]) -> Callable[..., None]:
    """A task's error is logged by its type: Celery would log the arguments too. The sweeper brings the work back."""

    def run(*args: Any, **kwargs: Any) -> None:
        try:
            task(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the last line of defence of a worker thread
            ids = [arg for arg in args if isinstance(arg, int | str)][:1]
            _log.error("task.failed", task=name, subject=ids, error=type(error).__name__, where=_where(error))

    run.__name__ = name.replace(".", "_")
    return run


def _where(error: BaseException) -> str:
    """File and line where an error was raised: enough to find it, nothing of what it was about."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
