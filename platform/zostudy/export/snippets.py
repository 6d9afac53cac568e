"""Python code for the model card: it scores texts with the exported prompt, without zostudy."""

from __future__ import annotations

from zostudy.export.manifest import Manifest
from zostudy.export.prompt import TunedPrompt
from zostudy.lm.pooling import Pooling, find_pooling
from zostudy.lm.sources import ModelSource, package_of

_LOADERS = {"masked": "AutoModelForMaskedLM", "causal": "AutoModelForCausalLM", "encoder": "AutoModel"}

_PEFT = """{imports}import torch
from peft import PeftModel
from transformers import {loader}, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base, {loading})
frozen = {loader}.from_pretrained(base, {loading}, dtype=torch.float32)
model = PeftModel.from_pretrained(frozen, ".").eval()  # this folder

classes = {classes!r}
{constants}


@torch.inference_mode()
def scores(text{second}):
    line = {template!r}.format({fields}){strip}
    ids = tokenizer(line, return_tensors="pt")["input_ids"][:, {kept}]
{read}


print(dict(zip(classes, scores({example}).tolist())))"""

_IMPORTS = "from importlib.resources import files\n\n"

_MASKED = """    position = {ahead} + int((ids[0] == tokenizer.mask_token_id).nonzero())  # text must not hold it
    return model(input_ids=ids).logits[0, position, label_tokens]"""

_CAUSAL = """    return model(input_ids=ids).logits[0, -1, label_tokens]"""

_ENCODER = """    states = model(input_ids=ids).last_hidden_state[0]
    labels = [pooled(frozen(**tokenizer(each, return_tensors="pt")).last_hidden_state[0]) for each in label_texts]
    cosines = torch.nn.functional.cosine_similarity(pooled(states)[None], torch.stack(labels))
    return temperature * cosines"""

_POOLED = """


def pooled(states):
    return {}"""

_POOLINGS: dict[Pooling, str] = {
    "mean": "states.mean(dim=0)",
    "mean_sqrt_len": "states.mean(dim=0)",
    "weightedmean": "torch.arange(1, len(states) + 1).to(states.dtype) @ states / sum(range(1, len(states) + 1))",
    "max": "states.amax(dim=0)",
    "cls": "states[0]",
    "lasttoken": "states[-1]",
}

_VLLM = """{imports}import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from vllm import LLM, SamplingParams

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base, {loading})
frozen = AutoModelForCausalLM.from_pretrained(base, {loading}, dtype=torch.float32)
embed = frozen.get_input_embeddings()
prompt = load_file("prompt_embeds.safetensors")["prompt_embeds"]  # in this folder
ids = tokenizer({template!r}.format({example_fields}){strip}, return_tensors="pt")["input_ids"][0{only}]
whole = torch.cat([embed(ids[:{lead}]), prompt, embed(ids[{lead}:])]).detach()

llm = LLM(base, {loading}, dtype="float32", enable_prompt_embeds=True)
choice = SamplingParams(max_tokens=1, temperature=0, allowed_token_ids={label_tokens!r})
answer = llm.generate({{"prompt_embeds": whole}}, choice)[0].outputs[0].token_ids[0]
print({classes!r}[{label_tokens!r}.index(answer)])"""


def peft_snippet(manifest: Manifest, prompt: TunedPrompt, source: ModelSource) -> str:
    """Returns Python code that loads the adapter and scores one text."""
    task, pair = manifest.task, manifest.task.second_text is not None
    read = {"masked": _MASKED, "causal": _CAUSAL, "encoder": _ENCODER}[source.head]
    fields = ["text=text", *(["second_text=second_text"] if pair else []), *_mask_field(source)]
    constants = (
        f"label_texts = {list(task.label_words)!r}\ntemperature = {manifest.model.temperature!r}"
        + _POOLED.format(_POOLINGS[find_pooling(source, len(prompt.lead))])
        if source.head == "encoder"
        else f"label_tokens = {list(task.label_tokens)!r}"
    )
    return _PEFT.format(
        loader=_LOADERS[source.head],
        imports=_IMPORTS if package_of(manifest.model.name) else "",
        base=_base(manifest, source),
        loading=_loading(source),
        classes=list(task.class_names),
        constants=constants,
        second=", second_text" if pair else "",
        template=task.template,
        fields=", ".join(fields),
        strip=_strip(prompt, source),
        kept=f"{len(prompt.lead)}:{-prompt.trail or ''}",
        read=read.format(ahead=len(prompt.lead) + len(prompt.vectors)),
        example='"a text"' + (', "a second text"' if pair else ""),
    )


def vllm_snippet(manifest: Manifest, prompt: TunedPrompt, source: ModelSource) -> str:
    """Returns Python code that labels one text with vLLM, for a causal model."""
    pair = ['second_text="a second text"'] if manifest.task.second_text is not None else []
    return _VLLM.format(
        imports=_IMPORTS if package_of(manifest.model.name) else "",
        base=_base(manifest, source),
        loading=_loading(source),
        template=manifest.task.template,
        example_fields=", ".join(['text="a text"', *pair, 'mask=""']),
        strip=_strip(prompt, source),
        lead=len(prompt.lead),
        only=f", :-{prompt.trail}" if prompt.trail else "",
        label_tokens=list(manifest.task.label_tokens),
        classes=list(manifest.task.class_names),
    )


def _base(manifest: Manifest, source: ModelSource) -> str:
    """Returns Python for the model's location: in its package if it has one, else as in the study."""
    package = package_of(manifest.model.name)
    if package is None:
        return repr(source.location)
    name, folder = package
    return f'str(files("{name}").joinpath("{folder}"))  # {manifest.model.name} comes with this package'


def _loading(source: ModelSource) -> str:
    trust = ", trust_remote_code=True" if source.trust_remote_code else ""
    return f"revision={source.revision!r}{trust}"


def _mask_field(source: ModelSource) -> list[str]:
    return {"masked": ["mask=tokenizer.mask_token"], "causal": ['mask=""'], "encoder": []}[source.head]


def _strip(prompt: TunedPrompt, source: ModelSource) -> str:
    """Returns code that cuts trailing blanks, which an encoder and most causal models must not get.

    The token of a causal model's label word begins with that blank.
    """
    return "" if source.head == "masked" or prompt.keeps_space else '.rstrip(" ")'
