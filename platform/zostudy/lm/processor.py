"""What the processor can do, as far as dtypes go."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


def bfloat16_unit(device: str = "cpu") -> str | None:
    """Returns the unit that multiplies bfloat16 matrices faster than float32 ones, or None where there is none."""
    if device == "cuda":
        return "tensor cores" if torch.cuda.is_bf16_supported(including_emulation=False) else None
    for feature in ("amx_bf16", "avx512_bf16"):
        if feature in _processor_lines("flags"):
            return feature
    return "bf16" if "bf16" in _processor_lines("Features").split() else None


def processor_name(device: str = "cpu") -> str:
    """Returns the name of the processor or accelerator."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    named = _processor_lines("model name").partition(":")[2].strip()
    return named or platform.processor() or platform.machine()


def _processor_lines(key: str) -> str:
    """Returns the first line of the kernel's processor list that begins with the key; empty where there is no list."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(key)), "")
