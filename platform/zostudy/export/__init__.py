"""Exports a tuned prompt as a PEFT adapter with a model card, and labels texts with it.

This package can be called: ``zostudy.export(...)`` exports a prompt.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from pathlib import Path


class _Export(ModuleType):
    def __call__(
        self, results: str | os.PathLike[str], trial: str, to: str | os.PathLike[str], trust_remote_code: bool = False
    ) -> Path:
        """Exports the tuned prompt of a confirm trial, as ``zostudy export`` does, and returns its folder.

        Args:
            results: the results folder of one study, also ``s3://`` or ``gs://``.
            trial: a confirm trial. A cell stands for its best one, ``best-r10`` for the best one at ratio 10, ``best``
                for the best one at the hardest ratio.
            to: a new folder, or an earlier export to replace.
            trust_remote_code: run Python files that come with the model.

        Raises:
            ZostudyError: there is no such trial, the folder holds something else, or the model cannot be loaded.
        """
        from zostudy.export.exporting import export

        return export(results, trial, to, trust_remote_code)


sys.modules[__name__].__class__ = _Export
