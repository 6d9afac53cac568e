"""The sections of the model card that say how to use the prompt: with zostudy, PEFT and vLLM."""

from __future__ import annotations

from zostudy.export.manifest import ADAPTER_CONFIG_FILE, Manifest
from zostudy.export.prompt import TunedPrompt
from zostudy.export.snippets import peft_snippet, vllm_snippet
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.sources import ModelSource, package_of

_VLLM = """## Use with vLLM

`prompt_embeds.safetensors` holds the prompt alone, float32 `[{tokens}, {width}]`, under the key `prompt_embeds`. vLLM
takes an input as tokens or as vectors (`EmbedsPrompt`, or a server started with `--enable-prompt-embeds`). So the code
joins the prompt and the embeddings of the text's tokens:

```python
{snippet}
```

To use a server, send `whole` as the request's `prompt_embeds` (`torch.save`, then base64). The code chooses the class
with the highest score. To apply the threshold, compare the label tokens' log probabilities: they differ by as much as
the scores. This code follows vLLM's documentation and has not been run.
"""


def use_sections(manifest: Manifest, prompt: TunedPrompt, source: ModelSource) -> str:
    """Returns the sections, in Markdown: with zostudy and PEFT, and for a causal model with vLLM."""
    lead = len(prompt.lead)
    ids = ", ".join(map(str, prompt.lead))
    where = (
        f"The prompt was tuned behind the special tokens with which the tokenizer begins (id {ids}). So the adapter's "
        f"first {lead} of {lead + len(prompt.vectors)} vectors are the embeddings of these tokens. Leave the tokens "
        "themselves out of the input, as the code does."
        if lead
        else "The prompt stands in front of the whole input, where PEFT puts it."
    )
    in_float32 = manifest.model.dtype == "float32"
    exact = "to 1e-4" if in_float32 else "up to the rounding of bfloat16, in which the study ran"
    head = (
        "\n\nThe adapter holds the prompt but not the head, which is the cosine with the label texts. The code "
        "computes it from the model's states."
        if source.head == "encoder"
        else ""
    )
    here = (
        f" `{ADAPTER_CONFIG_FILE}` names the model's folder on the machine that wrote it. The code finds the model on "
        "any machine."
        if package_of(manifest.model.name)
        else ""
    )
    most = max_input_tokens(manifest.model, source, prompt.tokenizer)
    cut = (
        f" The study cut long texts, so that an input has at most {most:,} tokens beside the prompt; `zostudy predict` "
        "does so too. The code does not, so it gives such texts other scores."
        if manifest.task.truncate
        else ""
    )
    use = (
        "## Use\n\nIn this folder, `zostudy predict . FILE --to labelled.csv` labels a CSV, TSV, JSON or Parquet file."
        "\n\n"
        f"With PEFT the scores equal those of the study, {exact}. {where} Pad batches on the right and pass the "
        f"attention mask.{cut}{head}{here}\n\n```python\n{peft_snippet(manifest, prompt, source)}\n```\n"
    )
    if source.head != "causal":
        return use
    n, width = prompt.vectors.shape
    return f"{use}\n{_VLLM.format(tokens=n, width=width, snippet=vllm_snippet(manifest, prompt, source))}"
