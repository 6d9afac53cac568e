"""The tuned prompt taken away: as an adapter for PEFT, with a model card, and to label files with.

``zostudy.export(...)`` exports one: the room is called as the function is.
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
            trial: a confirm trial; a cell stands for its best one, ``best-r10`` for that at ratio 10, ``best`` for that
                at the hardest ratio.
            to: a new folder, or an earlier export, which is replaced.
            trust_remote_code: run Python files that come with the model.

        Raises:
            ZostudyError: there is no such trial, the folder holds something else, or the model cannot be loaded.
        """
        from zostudy.export.exporting import export

        return export(results, trial, to, trust_remote_code)


sys.modules[__name__].__class__ = _Export
