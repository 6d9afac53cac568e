from __future__ import annotations

import sys

import pytest

from zostudy.cluster.job_paths import OwnPaths

RAYS = ["/opt/scripts", "/home/user/work"]
"""What Ray has workers look in: the script's folder and the working directory."""


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["/opt/scripts", "/usr/lib/python3"], ["/opt/scripts"]),  # a script or the console script
        (["/usr/lib/python3"], []),
        (["/usr/lib/python3", "/home/user/work"], ["/home/user/work"]),  # PYTHONPATH
        (["", "/usr/lib/python3"], RAYS),  # a notebook, or python -c
    ],
)
def test_workers_import_from_where_this_process_does(
    monkeypatch: pytest.MonkeyPatch, own: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(sys, "path", own)
    job = OwnPaths()
    job._py_driver_sys_path.extend(RAYS)
    assert [*job._get_proto_job_config().py_driver_sys_path] == expected
