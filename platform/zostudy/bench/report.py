"""What a benchmark found, as plain data that goes to JSON and back."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Machine:
    """Where it was measured; neither its name nor a path of it.

    Attributes:
        processor: name of the processor.
        cores: processor cores that this process may use.
        accelerator: name of the one that the evaluator ran on, or None.
        threads: of the evaluator section, the reference included.
        bfloat16_unit: the device's unit for bfloat16 matrices, or None.
        system: operating system and instruction set.
        versions: of Python and of the libraries that matter.
    """

    processor: str
    cores: int
    accelerator: str | None
    threads: int
    bfloat16_unit: str | None
    system: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Speed:
    """One way of scoring the same texts under the same prompts.

    Attributes:
        evaluator: ``reference``, or the dtype of zostudy's.
        seconds: of a query, the median over the rounds.
        seconds_least: the quickest round.
        seconds_most: the slowest.
        queries_per_second: by the median.
        ratio: over the reference's queries per second.
        tokens_per_second: tokens of all texts, each with its prompt and without padding: what a query consists of,
            whether or not it is computed.
        difference: largest one between its scores and the reference's.
        flops: of a query, as ``zostudy.bench.flops`` counts zostudy's forward; None for the reference.
        flops_per_second: by the median; None for the reference.
        matrix_flops_per_second: of the large matrix product of that dtype, best of all rounds; None for the reference.
        share_of_matrix_rate: the one over the other; None for the reference.
    """

    evaluator: str
    seconds: float
    seconds_least: float
    seconds_most: float
    queries_per_second: float
    ratio: float
    tokens_per_second: float
    difference: float
    flops: float | None = None
    flops_per_second: float | None = None
    matrix_flops_per_second: float | None = None
    share_of_matrix_rate: float | None = None


@dataclass(frozen=True)
class ModelSpeed:
    """The evaluator section for one model.

    Attributes:
        model: its name.
        weights: ``trained``, or ``random`` where only the architecture is the named model's.
        parameters: how many.
        prompt_tokens: vectors of a prompt.
        queries: prompts scored at once; the reference takes them one by one.
        batch: texts of a query.
        mean_tokens: of a text, template and special tokens included, prompt left out.
        most_tokens: of the longest text.
        peak_bytes: most memory in use at once while all three were loaded and ran: the process's, or the accelerator's.
        speeds: the reference first.
    """

    model: str
    weights: str
    parameters: int
    prompt_tokens: int
    queries: int
    batch: int
    mean_tokens: float
    most_tokens: int
    peak_bytes: int
    speeds: tuple[Speed, ...]


@dataclass(frozen=True)
class PoolSpeed:
    """The pool against the bare evaluator, each replica with one thread, float32.

    Attributes:
        model: its name.
        replicas: behind Ray; 0 for the bare evaluator in the driver's own process.
        units: of a step; the bare evaluator gets it as a whole.
        unit_examples: examples of a unit.
        unit_seconds: mean time of a unit where it is scored.
        step_seconds: the median.
        driver_seconds: processor time of the driver's process in a step, the median; None for the bare evaluator.
        queries_per_second: by the median step.
        over_bare: ratio to the bare evaluator.
        over_one_replica: ratio to the pool of one replica.
    """

    model: str
    replicas: int
    units: int
    unit_examples: int
    unit_seconds: float
    step_seconds: float
    driver_seconds: float | None
    queries_per_second: float
    over_bare: float
    over_one_replica: float


@dataclass(frozen=True)
class ScaleEfficiency:
    """The pool with replicas that only sleep, so that what is missing to 1 is the pool's own cost.

    Attributes:
        replicas: sleeping replicas.
        unit_seconds: what each sleeps for a unit.
        units: of a step.
        step_seconds: the median.
        efficiency: units times seconds slept, over replicas times the median step.
        driver_seconds: processor time of the driver's process in a step, the median.
    """

    replicas: int
    unit_seconds: float
    units: int
    step_seconds: float
    efficiency: float
    driver_seconds: float


@dataclass(frozen=True)
class MemoryUse:
    """Memory of replicas of one model on one node, each having scored one unit; float32.

    Attributes:
        model: its name.
        replicas: how many.
        weights_bytes: the weights, which lie once in the object store.
        resident_bytes: Rss, summed over the replicas: shared pages count once for each of them.
        proportional_bytes: Pss, summed: each shared page is split among all that map it, Ray's own processes too.
        shared_bytes: pages that other processes map as well, summed over the replicas.
        private_bytes: pages of one replica alone, summed.
        total_bytes: what the replicas take together: all private pages, and once the shared ones of the largest.
        over_one_replica: ratio of the totals.
    """

    model: str
    replicas: int
    weights_bytes: int
    resident_bytes: int
    proportional_bytes: int
    shared_bytes: int
    private_bytes: int
    total_bytes: int
    over_one_replica: float


@dataclass(frozen=True)
class StudyOverhead:
    """A study whose scorer takes a millisecond a unit: the rest is what Ray, Tune, Optuna and the ledger take.

    Attributes:
        trials: that ran, each with a real process, proposal and files.
        cells: they are spread over.
        concurrent_trials: at a time.
        queries: of a trial.
        seconds: from the first trial's start to the last one's stored outcome.
        scorer_seconds: of these, what the replicas slept, side by side.
        overhead_seconds: the rest, divided by the trials.
        first_bytes: memory of the driver's process before the first trial.
        early_bytes: after 200 trials, or the last one.
        last_bytes: after the last.
    """

    trials: int
    cells: int
    concurrent_trials: int
    queries: int
    seconds: float
    scorer_seconds: float
    overhead_seconds: float
    first_bytes: int
    early_bytes: int
    last_bytes: int


@dataclass(frozen=True)
class Report:
    """All that one run of the benchmark found; sections that were not asked for are empty.

    Attributes:
        machine: where.
        texts: where the texts came from.
        evaluator: one entry a model.
        pool: bare, one replica, two.
        scale: by replicas.
        memory: by replicas.
        study: what the driver takes for a trial.
        notes: what was left out, and what else a reader must know.
    """

    machine: Machine
    texts: str
    evaluator: tuple[ModelSpeed, ...] = ()
    pool: tuple[PoolSpeed, ...] = ()
    scale: tuple[ScaleEfficiency, ...] = ()
    memory: tuple[MemoryUse, ...] = ()
    study: StudyOverhead | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Returns the report as JSON, indented."""
        return TypeAdapter(Report).dump_json(self, indent=2).decode()

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Returns the report that ``to_json`` wrote."""
        return TypeAdapter(Report).validate_json(text)
