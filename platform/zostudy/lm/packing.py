"""Splits texts into forwards, and lays out the tokens of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from zostudy.lm.encoding import EncodedTask

Indices = NDArray[np.int64]


def cut_forwards(
    lengths: Indices, prompt_tokens: int, shared: bool, group: int, most_tokens: int
) -> Iterator[tuple[Indices, Indices]]:
    """Splits texts into forwards of at most about ``most_tokens`` tokens, shortest first; groups stay together.

    Args:
        lengths: int64 ``[q, b]``, tokens of each query's texts, prompt left out.
        prompt_tokens: vectors of a prompt.
        shared: whether a query's texts share one copy of its prompt in a forward, else each has its own.
        group: number of consecutive queries that must share a forward on each of their examples.
        most_tokens: of a forward, unless one group alone has more.

    Returns:
        Query and column of each text, int64 ``[s]`` each, a pair for each forward.
    """
    for first, last in _query_spans(lengths, prompt_tokens, shared, group, most_tokens):
        own = 0 if shared else prompt_tokens
        firsts = np.arange(first, last, group)
        sizes = np.add.reduceat(lengths[first:last] + own, firsts - first, axis=0)
        order = np.argsort(sizes, axis=None, kind="stable")
        for_texts = most_tokens - (prompt_tokens * (last - first) if shared else 0)
        for part in _runs(sizes.reshape(-1)[order], for_texts):
            groups, columns = np.unravel_index(order[part], sizes.shape)
            queries = (firsts[groups][:, None] + np.arange(group)).reshape(-1)
            there = queries < last
            yield queries[there], np.repeat(columns, group)[there]


def _query_spans(
    lengths: Indices, prompt_tokens: int, shared: bool, group: int, most_tokens: int
) -> Iterator[tuple[int, int]]:
    """Yields the queries of each forward: where prompts are shared just enough to fill it, so that few are copied."""
    if not shared:
        yield 0, len(lengths)
        return
    firsts = np.arange(0, len(lengths), group)
    sizes = np.add.reduceat(lengths.sum(axis=1) + prompt_tokens, firsts)
    for part in _runs(sizes, most_tokens):
        yield int(firsts[part.start]), min(int(firsts[part.stop - 1]) + group, len(lengths))


def _runs(sizes: Indices, most: int) -> Iterator[slice]:
    """Cuts sizes into even runs whose sums are about ``most``."""
    n_runs = max(1, min(len(sizes), round(int(sizes.sum()) / max(1, most))))
    ends = np.cumsum(sizes)
    edges = np.searchsorted(ends, ends[-1] * np.arange(1, n_runs) / n_runs, side="left") + 1
    for start, stop in pairwise(np.unique([0, *edges, len(sizes)])):
        yield slice(int(start), int(stop))


@dataclass(frozen=True)
class Layout:
    """The tokens of one forward, end to end.

    Attributes:
        ids: int32 ``[T]``; 0 where a prompt vector stands.
        positions: int64 ``[T]``, in the token's own input.
        prompt_positions: int64 ``[p, n]``, where the prompt vectors stand.
        prompt_queries: int64 ``[p]``, the query of each prompt.
        prefixes: int64 ``[s]``, which of the p prompts each text sees; empty unless prompts are shared.
        lengths: int64 ``[s]``, tokens of each text's own part, ascending.
        order: int64 ``[s]``, the index of each laid text among those that were given.
        read: int64 ``[s]``, the position of each text's answer.
        head: tokens in front of the first text: the shared prefixes.
    """

    ids: NDArray[np.int32]
    positions: Indices
    prompt_positions: Indices
    prompt_queries: Indices
    prefixes: Indices
    lengths: Indices
    order: Indices
    read: Indices
    head: int


def lay_out(task: EncodedTask, queries: Indices, rows: NDArray[np.int32], prompt_tokens: int, shared: bool) -> Layout:
    """Lays texts end to end, shortest first, behind or around their prompts.

    Args:
        task: the token ids.
        queries: int64 ``[s]``, the query of each text.
        rows: int32 ``[s]``, its row in the task.
        prompt_tokens: n.
        shared: lay each query's lead and prompt once, in front of all texts.
    """
    order = np.argsort(task.lengths[rows], kind="stable")
    queries, rows = queries[order], rows[order]
    return (_shared if shared else _separate)(task, queries, rows, order, prompt_tokens)


def _separate(task: EncodedTask, queries: Indices, rows: NDArray[np.int32], order: Indices, n: int) -> Layout:
    """Each text with its own prompt: lead, prompt, rest."""
    lengths = task.lengths[rows] + n
    starts = np.cumsum(lengths) - lengths
    positions = _counted(lengths)
    is_prompt = (positions >= task.lead) & (positions < task.lead + n)
    in_text = np.where(positions < task.lead, positions, positions - n)
    ids = np.where(is_prompt, 0, task.tokens[np.where(is_prompt, 0, np.repeat(task.offsets[rows], lengths) + in_text)])
    prompt_positions = (starts + task.lead)[:, None] + np.arange(n)
    answers = task.answers[rows] + n
    nothing = np.zeros(0, dtype=np.int64)
    return Layout(ids, positions, prompt_positions, queries, nothing, lengths, order, starts + answers, head=0)


def _shared(task: EncodedTask, queries: Indices, rows: NDArray[np.int32], order: Indices, n: int) -> Layout:
    """One prefix (lead, prompt) a query, then the rest of each text."""
    asked, prefixes = np.unique(queries, return_inverse=True)
    prefix = task.lead + n
    head = prefix * len(asked)
    lengths = task.lengths[rows] - task.lead
    starts = head + np.cumsum(lengths) - lengths
    own = _counted(lengths)
    positions = np.concatenate([np.tile(np.arange(prefix), len(asked)), own + prefix])
    first = task.offsets[rows[0]]
    lead_ids = np.concatenate([task.tokens[first : first + task.lead], np.zeros(n, dtype=np.int32)])
    text_ids = task.tokens[np.repeat(task.offsets[rows] + task.lead, lengths) + own]
    prompt_positions = np.arange(len(asked))[:, None] * prefix + task.lead + np.arange(n)
    ids = np.concatenate([np.tile(lead_ids, len(asked)), text_ids])
    read = starts + task.answers[rows] - task.lead
    return Layout(ids, positions, prompt_positions, asked, prefixes, lengths, order, read, head)


def _counted(lengths: Indices) -> Indices:
    """Returns 0, 1, ... within each of the lengths, one after another."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
