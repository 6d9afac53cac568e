"""The task without a prompt: the frozen model's own answers."""

from __future__ import annotations

from zostudy.methods.registry import register_method
from zostudy.methods.untuned import Untuned


@register_method("no-prompt")
class NoPrompt(Untuned):
    """Zero-shot: the template alone, with no prompt vectors in front of the text. Spends no query."""

    uses_prompt = False
    use = "always: the result of the template alone"
