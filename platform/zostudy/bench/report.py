"""The report of a benchmark, as plain data that goes to JSON."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Machine:
    """The machine of the measurements, without its name or a path."""

    processor: str  # name of the processor
    cores: int  # processor cores that this process may use
    accelerator: str | None  # its name, if the evaluator ran on one
    threads: int  # of the evaluator section, the reference included
    bfloat16_unit: str | None  # the device's unit for bfloat16 matrices, or None
    system: str  # operating system and instruction set
    versions: dict[str, str]  # of Python and of the libraries that matter


@dataclass(frozen=True)
class Speed:
    """One way of scoring the same texts under the same prompts."""

    evaluator: str  # ``reference``, ``careful`` (the same loop in bfloat16), or the dtype of zostudy's
    seconds: float  # of a query, the median over the rounds
    seconds_least: float  # the quickest round
    seconds_most: float  # the slowest
    queries_per_second: float  # by the median
    ratio: float  # over the reference's queries per second
    # Tokens of a query: of all texts, each with its prompt and without padding, computed or not.
    tokens_per_second: float
    difference: float  # the largest between its scores and the reference's
    # Of a query, as ``zostudy.bench.flops`` counts zostudy's forward; None for the two loops.
    flops: float | None = None
    flops_per_second: float | None = None  # by the median; None for the loops
    # Of the large matrix product of that dtype, best of all rounds; None for the loops.
    matrix_flops_per_second: float | None = None
    share_of_matrix_rate: float | None = None  # the former over the latter; None for the loops


@dataclass(frozen=True)
class ModelSpeed:
    """The evaluator section for one model."""

    model: str  # its name
    weights: str  # ``trained``, or ``random`` where only the architecture is the named model's
    parameters: int  # how many
    prompt_tokens: int  # vectors of a prompt
    queries: int  # prompts scored at once; the reference takes them one by one
    batch: int  # texts of a query
    mean_tokens: float  # of a text, template and special tokens included, prompt left out
    most_tokens: int  # of the longest text
    # The most memory in use while all were loaded and ran: the process's, or the accelerator's.
    peak_bytes: int
    speeds: tuple[Speed, ...]  # the reference first


@dataclass(frozen=True)
class PoolSpeed:
    """The pool against the bare evaluator, each replica with one thread, float32."""

    model: str  # its name
    replicas: int  # behind Ray; 0 for the bare evaluator in the driver's own process
    units: int  # of a step; the bare evaluator gets a step as a whole
    unit_examples: int  # examples of a unit
    unit_seconds: float  # mean time of a unit where it is scored
    step_seconds: float  # the median
    # Processor time of the driver's process in a step, the median; None for the bare evaluator.
    driver_seconds: float | None
    queries_per_second: float  # by the median step
    over_bare: float  # ratio to the bare evaluator
    over_one_replica: float  # ratio to the pool of one replica


@dataclass(frozen=True)
class ScaleEfficiency:
    """The pool with replicas that only sleep, so that the rest of the efficiency to 1 is the pool's own cost."""

    replicas: int  # sleeping replicas
    unit_seconds: float  # that a replica sleeps for a unit
    units: int  # of a step
    step_seconds: float  # the median
    efficiency: float  # units times seconds slept, over replicas times the median step
    driver_seconds: float  # processor time of the driver's process in a step, the median


@dataclass(frozen=True)
class MemoryUse:
    """Memory of replicas of one model on one node, each having scored one unit; float32."""

    model: str  # its name
    replicas: int  # how many
    weights_bytes: int  # of the one copy in the object store
    resident_bytes: int  # Rss, summed over the replicas: shared pages count once for each of them
    proportional_bytes: int  # Pss, summed: each shared page is split among all that map it, Ray's own processes too
    shared_bytes: int  # pages that other processes map as well, summed over the replicas
    private_bytes: int  # pages of one replica alone, summed
    total_bytes: int  # of the replicas together: all private pages, and once the shared ones of the largest
    over_one_replica: float  # ratio of the totals


@dataclass(frozen=True)
class StudyOverhead:
    """A study whose scorer takes a millisecond a unit. Ray, Tune, Optuna and the ledger take the rest."""

    trials: int  # each with a real process, proposal and files
    cells: int  # that the trials are spread over
    concurrent_trials: int  # at a time
    queries: int  # of a trial
    seconds: float  # from the first trial's start to the last one's stored outcome
    scorer_seconds: float  # of these, in which the replicas slept side by side
    overhead_seconds: float  # the rest, of one trial
    first_bytes: int  # memory of the driver's process before the first trial
    early_bytes: int  # after 200 trials, or the last one
    last_bytes: int  # after the last


@dataclass(frozen=True)
class SearchGrowth:
    """The driver's processor seconds for the latest trials of a search, without those of the trials and of Ray."""

    trials: int  # of the cell by then
    proposal_seconds: float  # of a proposal, the median
    driver_seconds: float  # of a trial, proposal and storing included, the median
    total_seconds: float  # of all trials up to then


@dataclass(frozen=True)
class QuerySpeed:
    """Processor seconds of one question over ``history``, medians; packages are imported before."""

    studies: int  # that the rows are spread over
    trials: int  # in all
    rows: int  # of ``history``
    plain_seconds: float  # by DuckDB alone on the same files, which checks nothing
    zostudy_seconds: float  # by zostudy, which checks that no row is lost


@dataclass(frozen=True)
class Report:
    """The figures of one run of the benchmark. Sections that were not asked for are empty."""

    machine: Machine
    texts: str  # the file, or the embedded task
    evaluator: tuple[ModelSpeed, ...] = ()  # one entry a model
    pool: tuple[PoolSpeed, ...] = ()  # bare, one replica, two
    scale: tuple[ScaleEfficiency, ...] = ()  # by replicas
    memory: tuple[MemoryUse, ...] = ()  # by replicas
    study: StudyOverhead | None = None  # the driver's time for a trial
    growth: tuple[SearchGrowth, ...] = ()  # by trials of a cell
    query: tuple[QuerySpeed, ...] = ()  # by studies
    notes: tuple[str, ...] = ()  # sections that were left out, and other remarks

    def to_json(self) -> str:
        """Returns the report as JSON, indented."""
        return TypeAdapter(Report).dump_json(self, indent=2).decode()
