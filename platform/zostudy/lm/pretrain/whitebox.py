"""The white-box check: the prompt that true gradients find for an embedded model; studies see its scores only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from zostudy.config.known import EMBEDDED_TASK
from zostudy.config.model import ModelSpec
from zostudy.config.task import TaskSpec
from zostudy.lm.encoding import encode_task
from zostudy.lm.finding import find_model
from zostudy.lm.frozen import Evaluator, make_evaluator
from zostudy.lm.limits import max_input_tokens
from zostudy.lm.tokenizer import load_tokenizer
from zostudy.methods import Context
from zostudy.methods.white_box import WhiteBox, WhiteBoxOptions
from zostudy.tasks.loading import load_task
from zostudy.tasks.table import TextTable

PROMPT_TOKENS = 10
START_SEED = 0
STEPS, BATCH_SIZE, LEARNING_RATE = 100, 64, 0.3


@dataclass(frozen=True)
class CheckedModel:
    """An embedded model as studies see it, with all rows of the embedded task.

    Attributes:
        lm: the evaluator.
        table: the task's texts and labels.
    """

    lm: Evaluator
    table: TextTable

    @classmethod
    def of(cls, folder: Path) -> CheckedModel:
        """Returns the model in a folder."""
        spec = ModelSpec(name=str(folder), prompt_tokens=PROMPT_TOKENS)
        source, task = find_model(spec), load_task(TaskSpec(name=EMBEDDED_TASK))
        tokenizer, wording = load_tokenizer(source), task.wording(source.head)
        encoded = encode_task(
            tokenizer,
            source,
            task.table.texts,
            None,
            np.arange(len(task.table.texts)),
            wording.template.render,
            wording.label_words,
            max_input_tokens(spec, source, tokenizer),
            truncate=False,
        )
        return cls(make_evaluator(spec, source, encoded, "float32"), task.table)

    def auc(self, latent: NDArray[np.float32], seed: int = START_SEED) -> float:
        """Returns the AUC of great against terrible on the test split.

        Args:
            latent: float32 ``[d]``; zeros are the start tokens, and no entries no prompt.
            seed: of the start tokens and the subspace.
        """
        rows = self.table.splits["test"]
        [scores] = self.lm.score(latent[None], rows[None].astype(np.int32), seed)
        return float(roc_auc_score(self.table.labels[rows], scores[:, 1] - scores[:, 0]))

    def tuned(self, n_rows: int, subspace_dim: int) -> NDArray[np.float32]:
        """Returns the latent, float32 ``[subspace_dim]``, that the method white-box finds on the first train rows."""
        rows = self.table.splits["train"][:n_rows].astype(np.int32)
        context = Context(
            seed=START_SEED,
            labels=self.table.labels[rows],
            rows=rows,
            n_classes=2,
            minority_classes=(1,),
            batch_size=BATCH_SIZE,
            budget=STEPS,
        )
        method = WhiteBox(WhiteBoxOptions(subspace_dim=subspace_dim, learning_rate=LEARNING_RATE), context)
        while not method.finished:
            queries = method.ask()
            method.tell(self.lm.gradients(queries.latents, queries.rows, START_SEED), self.table.labels[queries.rows])
        return method.latent
