"""Where the workers of a job look for modules."""

from __future__ import annotations

import sys
from typing import Any

from ray.job_config import JobConfig


class OwnPaths(JobConfig):
    """Workers look where this process does; Ray would have them look in the working directory first, too.

    There a scratch file such as ``numpy.py`` would take the place of the library. It stays where this process itself
    imports from it, as a script that lies there or a notebook does.
    """

    def _get_proto_job_config(self) -> Any:
        if "" not in sys.path:
            self._py_driver_sys_path = [folder for folder in self._py_driver_sys_path if folder in sys.path]
        return super()._get_proto_job_config()  # type: ignore[no-untyped-call]
