"""``ray.log``, beside ``study.log``: the output that Ray and its workers would print while a study runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from zostudy.errors import ResultsError
from zostudy.results.storage import Storage
from zostudy.scratch import ScratchFolder

RAY_LOG_FILE = "ray.log"
MOST_BYTES = 2**23
"""At this size the file becomes ``ray.log.1``, and a new one is begun."""


@contextmanager
def ray_log(storage: Storage | None) -> Iterator[None]:
    """Writes what Ray would print meanwhile to a file: its errors, workers' output, and the fate of its processes.

    Args:
        storage: of a study, which gets the file when there is something to write; None discards it.
    """
    if storage is None:
        with _redirected(logging.NullHandler()):
            yield
        return
    with ScratchFolder() as temporary:
        file = (storage.folder or Path(temporary)) / RAY_LOG_FILE
        try:
            with _redirected(_File(file, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)):
                yield
        finally:
            if not storage.folder and file.exists():
                with suppress(ResultsError):
                    storage.write(RAY_LOG_FILE, file.read_bytes())


class _File(RotatingFileHandler):
    """Ignores errors, such as a full disk, which the study's results report themselves."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


@contextmanager
def _redirected(handler: logging.Handler) -> Iterator[None]:
    import ray  # which sets handlers of its own when it is imported

    worker: Any = ray._private.worker  # Ray has no public way to redirect its workers' output in this process
    logger, printer = logging.getLogger("ray"), worker.print_worker_logs
    before = logger.handlers[:], logger.propagate, logger.level
    logger.handlers[:], logger.propagate, logger.level = [handler], False, logging.ERROR
    worker.print_worker_logs = _log_output
    try:
        yield
    finally:
        worker.print_worker_logs = printer
        logger.handlers[:], logger.propagate, logger.level = before
        handler.close()


def _log_output(output: Mapping[str, Any], *_: object) -> None:
    """Logs the lines of one process, which Ray itself would print to standard output, in colours."""
    if output.get("pid") == "autoscaler":  # it reports its state every few seconds
        return
    name = output.get("actor_name") or output.get("task_name") or ""
    logger = logging.getLogger("ray.output")
    for line in output.get("lines", ()):
        logger.error("(%s) %s", f"{name} {output.get('pid')}".strip(), line)
