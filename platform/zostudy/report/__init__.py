"""The report of a study: one HTML file that needs no network, and every figure as PNG and SVG.

This package can be called: ``zostudy.report(...)`` writes a report.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zostudy.results.storage import Storage, Where


class _CallableModule(ModuleType):
    def __call__(
        self, folders: Where | Sequence[Where], to: Where | None = None, baseline: str | None = None
    ) -> Storage:
        """Writes a report of one study or several, with figures beside it, and returns where the HTML file is.

        Args:
            folders: a results folder or several, also ``s3://`` or ``gs://``.
            to: the HTML file, or a folder for ``report.html``. Default: the study's folder.
            baseline: the label of the method against which every other one is tested.

        Raises:
            ResultsError: no trial has finished, the report cannot be written, or the extra ``[report]`` is missing.
        """
        from zostudy.report.writing import report

        return report(folders, to, baseline)


sys.modules[__name__].__class__ = _CallableModule
