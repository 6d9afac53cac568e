"""The script that checks a GPU, as far as a machine without one can tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from zostudy.bench.models import NAMES

SCRIPT = Path(__file__).parents[1] / "gpu" / "check.sh"


def test_the_script_is_shell_and_names_models_of_the_benchmark() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    for models in re.findall(r"models=(\S+)", SCRIPT.read_text(encoding="utf-8")):
        assert set(models.split(",")) <= set(NAMES)


def test_another_device_is_refused() -> None:
    done = subprocess.run([str(SCRIPT), "tpu"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "the device must be cuda or cpu, but is tpu\n")
