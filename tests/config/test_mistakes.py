"""Each mistake in a study file is told in exactly one line."""
# ruff: noqa: E501 (a message stays one line here too)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from zostudy.config.loading import load_study
from zostudy.errors import SpecError
from zostudy.methods import MethodOptions, get_method, method_names

Write = Callable[..., str]

FORMS = "write zosa, or {zosa: {sharpness_radius: 0.1}}, or {zosa-focal: {method: zosa, objective: focal}}"
DISTRIBUTION = "must give each option as {choice: [...]} or {low: ..., high: ...}"
OPEN_OPTION = "must be an option that a method of this study has and leaves open"

# (the section, on line 5 unless it replaces one of lines 1 to 4; what is said after "study.yaml:")
KEYS = [
    ("budget: {querys: 3}", '5: budget.querys: is not a known key, but got "querys"; did you mean queries?'),
    (
        "confirm: {zzz: 3}",
        '5: confirm.zzz: is not a known key, but got "zzz"; the keys here are seeds, landscape, scores',
    ),
    ("serach: {}", '5: serach: is not a known key, but got "serach"; did you mean search?'),
    (
        "budget: {queries: many}",
        '5: budget.queries: must be a whole number, but got "many"; write queries: 300, for example',
    ),
    (
        "budget: {queries: 30.0}",
        "5: budget.queries: must be a whole number, but got 30.0; write queries: 300, for example",
    ),
    (
        "budget: {queries: true}",
        "5: budget.queries: must be a whole number, but got true; write queries: 300, for example",
    ),
    (
        "confirm: {seeds: 2147483647}",
        "5: confirm.seeds: must be at most 10000, but got 2147483647; write seeds: 3, for example",
    ),
    (
        "search: {trials: 2, seeds: 10001}",
        "5: search.seeds: must be at most 10000, but got 10001; write seeds: 1, for example",
    ),
    (
        "budget:\n  batch_size: 8\n  queries: 0",
        "7: budget.queries: must be at least 1, but got 0; write queries: 300, for example",
    ),
    (
        "budget: 5",
        "5: budget: must be keys with values, but got 5; write budget: {queries: 300}, for example",
    ),
    (
        "budget:",
        "5: budget: must be keys with values, but got nothing; write budget: {queries: 300}, for example",
    ),
    (
        "model: {head: masked}",
        "2: model.name: is required, but got nothing; write name: mini-roberta, for example",
    ),
    ("trials: 6", '5: trials: is not a known key, but got "trials"; did you mean search.trials?'),
    ("label: x", '5: label: is not a known key, but got "label"; did you mean task.label?'),
    (
        "options: {}",
        '5: options: is not a known key, but got "options"; the keys here are name, model, task, imbalance, methods, '
        "budget, search, confirm, seed, replicas, resources",
    ),
    (
        "confirm: {seed: 6}",
        '5: confirm.seed: is not a known key, but got "seed"; did you mean seeds or seed at the top level?',
    ),
    (
        "resources: {gpus: 1.5}",
        '5: resources: gpus must be a whole number, or below 1, but got {"gpus": 1.5}; write gpus: 2',
    ),
    ("model: {name: 5}", '2: model.name: must be text, but got 5; quote it: "5"'),
    (
        'model: {name: ""}',
        '2: model.name: must not be empty, but got ""; write name: mini-roberta, for example',
    ),
    (
        "model: {name: minilm, head: mask}",
        '2: model.head: must be auto, masked, causal or encoder, but got "mask"; did you mean masked?',
    ),
    (
        "model: {name: minilm, head: 1}",
        "2: model.head: must be auto, masked, causal or encoder, but got 1; write head: auto, for example",
    ),
    (
        "model: {name: minilm, temperature: 0}",
        "2: model.temperature: must be above 0, but got 0; write temperature: 20.0, for example",
    ),
    (
        "model: {name: minilm, revision: main}",
        '2: model.revision: has no effect on a model that is not read from the hub, but got "main"; '
        "leave it out, or name a hub model",
    ),
    (
        "model: {name: /tmp, revision: main}",
        '2: model.revision: has no effect on a model that is not read from the hub, but got "main"; '
        "leave it out, or name a hub model",
    ),
    (
        "model: {name: minilm, prompt_tokens: 0}",
        "2: model.prompt_tokens: must be at least 1 where a method tunes the prompt, as climb does, but got 0; raise it, "
        "or keep only methods that tune nothing, such as no-prompt",
    ),
    (
        "model: {name: minilm, max_length: 10}",
        "2: model.max_length: must leave room for text beside the 10 prompt tokens, but got 10; "
        "raise it or lower model.prompt_tokens",
    ),
    (
        "budget: {evaluations: 1}\nsearch: {pruning: median}",
        '6: search.pruning: must be none where dev is evaluated only at a trial\'s end, but got "median"; '
        "raise budget.evaluations or leave it out",
    ),
    (
        "search: {pruning: asha, seeds: 3}",
        "5: search.pruning: must be none where search.seeds is above 1, as seeds are dropped in its place, "
        'but got "asha"; leave it out or write seeds: 1',
    ),
    (
        "search: {seeds: 3, p_threshold: 1.5}",
        "5: search.p_threshold: must be a number from 0 to 1, but got 1.5; write p_threshold: 0.1, for example",
    ),
    (
        "imbalance: {ratios: [1, 0.5]}",
        "5: imbalance.ratios.1: must be at least 1, but got 0.5; write ratios: [1, 10, 50], for example",
    ),
    (
        "imbalance: {ratios: [1, 1e300]}",
        "5: imbalance.ratios.1: must be at most 2147483647, but got 1e+300; write ratios: [1, 10, 50], for example",
    ),
    (
        "imbalance: {ratios: [1, natral]}",
        '5: imbalance.ratios.1: must be natural or a number of at least 1, but got "natral"; did you mean natural?',
    ),
    (
        "imbalance: {minority_size: some}",
        '5: imbalance.minority_size: must be all or a whole number of at least 1, but got "some"; '
        "write minority_size: 20, for example",
    ),
    (
        "imbalance: {minority_size: 0}",
        "5: imbalance.minority_size: must be at least 1, but got 0; write minority_size: 20, for example",
    ),
    (
        "imbalance: {ratios: 10}",
        "5: imbalance.ratios: must be a list, but got 10; write ratios: [1, 10, 50], for example",
    ),
    (
        "imbalance: {ratios: []}",
        "5: imbalance.ratios: must hold at least 1, but got []; write ratios: [1, 10, 50], for example",
    ),
    (
        "imbalance: {ratios: [1, 10, 1.0000001]}",
        "5: imbalance.ratios: must hold each ratio once, to six digits, but got [1, 10, 1.0000001]; keep one 1",
    ),
    (
        "name: ../escape",
        "1: name: must be up to 100 characters of A-Z a-z 0-9 . _ - and begin with a letter or digit, "
        'but got "../escape"; write name: my-study, for example',
    ),
    (
        "replicas: 0",
        "5: replicas: must be auto or a whole number of at least 1, but got 0; write replicas: auto, for example",
    ),
    ("seed: -1", "5: seed: must be at least 0, but got -1; write seed: 0, for example"),
    (
        "task: {name: revews}",
        "3: task.name: must be a known task with data where neither task.file nor task.hub is given, "
        'but got "revews"; did you mean reviews?',
    ),
    (
        "task: {name: mpqa, split: part}",
        "3: task.name: must be a known task with data where neither task.file nor task.hub is given, "
        'but got "mpqa"; give one of these, or a name out of reviews, sst2, sst5, mr, cr, imdb, yelp, ag_news, '
        "dbpedia, trec, subj, cola, mrpc, qqp, rte, qnli, wnli, mnli, snli",
    ),
    (
        "task: {file: study.yaml, hub: some/data}",
        '3: task.hub: must not be given beside task.file, but got "some/data"; keep one of them',
    ),
    (
        "task: {name: reviews, text: body}",
        '3: task.text: has no effect on the embedded task reviews, but got "body"; leave it out',
    ),
    (
        "task: {name: reviews, splits: {test: validation}}",
        '3: task.splits: has no effect on the embedded task reviews, but got {"test": "validation"}; leave it out',
    ),
    (
        "task: {file: study.yaml, config: plain}",
        '3: task.config: has no effect beside task.file, but got "plain"; leave it out',
    ),
    (
        "task: {name: sst2, split: part}",
        '3: task.split: has no effect on a data set of the hub, but got "part"; leave it out',
    ),
    (
        "task: {name: reviews, label_words: [bad, 1]}",
        '3: task.label_words.1: must be text, but got 1; quote it: "1"',
    ),
    (
        "task: {name: reviews, label_words: [no, true]}",
        '3: task.label_words.1: must be text, but got true; quote it: "true"',
    ),
    (
        "task: {name: reviews, label_words: [no, no]}",
        '3: task.label_words: must hold each value once, but got ["no", "no"]; keep one no',
    ),
    (
        "task: {name: reviews, minority: [1]}",
        '3: task.minority.0: must be a class name or a list of them, as text, but got 1; quote it: "1"',
    ),
    (
        "task: {name: reviews, truncate: yes}",
        '3: task.truncate: must be true or false, but got "yes"; write truncate: false, for example',
    ),
]

METHODS = [
    (
        "methods: climb",
        '4: methods: must be a list, but got "climb"; write methods: [bpt-fzg, zosa, spsa], for example',
    ),
    (
        "methods: []",
        "4: methods: must hold at least 1, but got []; write methods: [bpt-fzg, zosa, spsa], for example",
    ),
    (
        "methods: [5]",
        f"4: methods.0: must be a method's name or one label with its options, but got 5; {FORMS}",
    ),
    (
        "methods:\n- climb:\n  rate: 1",
        "5: methods.0: must be a method's name or one label with its options, "
        'but got {"climb": null, "rate": 1}; indent the options below the label',
    ),
    ("methods: [{a: {method: 5}}]", f"4: methods.a.method: must be a method's name, but got 5; {FORMS}"),
    (
        "methods: [{zosa: {step_scale: none, step_rule: spread}}]",
        "4: methods.zosa: step_scale: none goes with another step_rule than spread, but both were given; "
        "write step_rule: plain or adagrad-norm beside it",
    ),
    ("methods: [{climb: 5}]", f"4: methods.climb: must be options with values, but got 5; {FORMS}"),
    (
        "methods:\n- climb\n- climb: {rate: 1}",
        '6: methods.climb: labels must differ, but got "climb"; '
        "give this one a label of its own, climb-2: {method: climb, ...}",
    ),
    (
        "methods: [{a b: {method: climb}}]",
        "4: methods.a b: a label must be up to 50 letters, digits, - and _, and not imbalance, "
        'but got "a b"; choose another label',
    ),
    (
        "methods: [{imbalance: {method: climb}}]",
        "4: methods.imbalance: a label must be up to 50 letters, digits, - and _, and not imbalance, "
        'but got "imbalance"; choose another label',
    ),
    (
        "methods: [{spsa: {method: climb}}]",
        '4: methods.spsa: a label must not be the name of another method than its own, climb, but got "spsa"; '
        "choose another label, such as climb-2",
    ),
    (
        "methods: [{climb: {rat: 1}}]",
        '4: methods.climb.rat: must be an option of climb, but got "rat"; did you mean rate?',
    ),
    (
        "methods: [{climb: {rate: 0}}]",
        "4: methods.climb.rate: must be above 0, but got 0; write rate: 0.5, for example",
    ),
    (
        'methods: [{climb: {rate: "1"}}]',
        '4: methods.climb.rate: must be a number, but got "1"; write rate: 0.5, for example',
    ),
    (
        "methods: [{climb: {shape: squire}}]",
        '4: methods.climb.shape: must be round or square, but got "squire"; did you mean square?',
    ),
    (
        "methods: [{hop: {method: climb, queries_per_step: 2.5}}]",
        "4: methods.hop.queries_per_step: must be a whole number, but got 2.5; write queries_per_step: 4, for example",
    ),
    (
        "methods: [{climb: {queries_per_step: 400}}]",
        "1: budget.queries: must hold at least one step of climb, which is 400 queries, but got 300; "
        "raise it or lower queries_per_step",
    ),
]

SPACE = [
    (
        "rate: 5",
        f".rate: {DISTRIBUTION}, but got 5; write space: {{reach: {{low: 0.3, high: 10.0, log: true}}}}, for example",
    ),
    ("rate: {low: 1}", ".rate.high: is required, but got nothing; write high: 1.0, for example"),
    ("rate: {low: a, high: 1}", '.rate.low: must be a number, but got "a"; write low: 0.01, for example'),
    ("rate: {low: 1, high: 2, lag: true}", '.rate.lag: is not a known key, but got "lag"; did you mean log?'),
    (
        "rate: {low: 2, high: 1}",
        '.rate: low must be below high, but got {"low": 2, "high": 1}; swap them, or use choice for a single value',
    ),
    (
        "rate: {low: -1, high: 1, log: true}",
        '.rate: a log range must start above 0, but got {"low": -1, "high": 1, "log": true}; raise low or leave out log',
    ),
    (
        "rate: {choice: []}",
        ".rate.choice: must hold at least 1, but got []; write choice: [10, 50, 200], for example",
    ),
    (
        "rate: {choice: [null]}",
        ".rate.choice.0: must hold words or numbers, but got nothing; write choice: [10, 50, 200], for example",
    ),
    (
        "rate: {choice: [1, 2, 1.0]}",
        ".rate.choice: must hold each value once, but got [1, 2, 1.0]; keep one 1",
    ),
    ("rate: {choice: [1, -2]}", ".rate.choice.1: must be above 0, but got -2; write rate: 0.5, for example"),
    (
        "queries_per_step: {low: 1.5, high: 4}",
        ".queries_per_step.low: must be a whole number, but got 1.5; write queries_per_step: 4, for example",
    ),
    (
        "shape: {choice: [rond]}",
        '.shape.choice.0: must be round or square, but got "rond"; did you mean round?',
    ),
    (
        "greedy: {choice: [1]}",
        ".greedy.choice.0: must be true or false, but got 1; write greedy: False, for example",
    ),
    ("rat: {choice: [1]}", f'.rat: {OPEN_OPTION}, but got "rat"; did you mean rate?'),
    ("hop.rat: {choice: [1]}", f'.hop.rat: {OPEN_OPTION}, but got "hop.rat"; did you mean hop.rate?'),
    (
        "xxx: {choice: [1]}",
        f'.xxx: {OPEN_OPTION}, but got "xxx"; there are subspace_dim, rate, queries_per_step, shape, greedy, '
        "imbalance.sampler, imbalance.prior, imbalance.margin, imbalance.class_weights, task.wording",
    ),
    (
        "imbalance.ratios: {choice: [1]}",
        f'.imbalance.ratios: {OPEN_OPTION}, but got "imbalance.ratios"; did you mean imbalance.prior?',
    ),
    (
        "climb: {rate: {choice: [1]}}",
        '.climb: must be {choice: [...]} or {low: ..., high: ...}, but got {"rate": {"choice": [1]}}; '
        "join both keys by a dot, as in spsa.reach: {low: 0.3, high: 10.0}",
    ),
    (
        "imbalance.sampler: {choice: [stratify]}",
        '.imbalance.sampler.choice.0: must be auto, natural or stratified, but got "stratify"; did you mean stratified?',
    ),
    (
        "imbalance.margin: {low: 0, high: 1}",
        ".imbalance.margin.low: must be above 0, but got 0; write margin: 1.0, for example",
    ),
]


def told(section: str, write: Write) -> str:
    with pytest.raises(SpecError) as caught:
        load_study(write(**{section.partition(":")[0]: section}))
    return str(caught.value)


@pytest.mark.parametrize(("section", "line"), KEYS + METHODS)
def test_a_mistake_is_one_line_with_place_key_rule_value_and_remedy(
    section: str, line: str, write_study: Write
) -> None:
    assert told(section, write_study) == f"study.yaml:{line}"


@pytest.mark.parametrize(("entry", "line"), SPACE)
def test_a_mistake_in_the_search_space_names_the_offending_value(entry: str, line: str, write_study: Write) -> None:
    assert told(f"search:\n  space:\n    {entry}", write_study) == f"study.yaml:7: search.space{line}"


@pytest.mark.parametrize("section", ["model", "task", "methods", "name"])
def test_a_section_left_out_is_asked_for(section: str, write_study: Write) -> None:
    with pytest.raises(
        SpecError, match=rf"^study.yaml:1: {section}: is required, but got nothing; write {section}: \S"
    ):
        load_study(write_study(**{section: None}))


def test_an_unknown_method_is_answered_with_all_there_are(write_study: Write) -> None:
    there_are = f"The methods are {', '.join(method_names())}"
    assert told("methods: [clim]", write_study) == (
        f'study.yaml:4: methods.clim: must be a known method, but got "clim"; did you mean climb? {there_are}'
    )
    assert told("methods: [{mine: {rate: 1}}]", write_study) == (
        'study.yaml:4: methods.mine: must be a known method, but got "mine"; '
        f"name one as the label or under method. {there_are}"
    )


def test_a_method_that_cannot_be_built_speaks_for_itself(write_study: Write) -> None:
    with pytest.raises(SpecError, match="must be at least") as refused:
        load_study(write_study(methods="methods: [{zosa: {queries_per_step: 1}}]"))
    assert refused.value.about == "study.yaml:4: methods.zosa: queries_per_step of zosa"


def test_options_that_raise_whatever_they_like_are_one_line(
    write_study: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Stubborn(MethodOptions):
        def __post_init__(self) -> None:
            raise ZeroDivisionError("no")

    monkeypatch.setattr(get_method("climb"), "Options", Stubborn)
    assert told("methods: [climb]", write_study) == (
        "study.yaml:4: methods.climb: options must fit together, but Stubborn raises ZeroDivisionError('no'); change them"
    )


def test_each_of_several_mistakes_has_its_line_in_the_order_of_the_file(write_study: Write) -> None:
    path = write_study(model="model: {}", methods="methods: [{climb: {rate: 0}}]", seed="seed: x")
    with pytest.raises(SpecError) as caught:
        load_study(path, ["budget.queries=0"])
    keys = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert keys == ["budget.queries", "model.name", "methods.climb.rate", "seed"]


def test_a_searched_step_must_fit_the_budget_if_anything_is_searched(write_study: Write) -> None:
    space = "{queries_per_step: {low: 1, high: 301}}"
    load_study(write_study(search=f"search: {{trials: 0, space: {space}}}"))
    with pytest.raises(SpecError) as caught:
        load_study(write_study(search=f"search: {{trials: 1, space: {space}}}"))
    assert str(caught.value).splitlines() == [
        f"study.yaml:1: budget.queries: must hold at least one step of {label} with queries_per_step = 301, "
        "which is 301 queries, but got 300; raise it or lower queries_per_step"
        for label in ("climb", "hop")
    ]


def test_an_option_is_fixed_or_searched_not_both(write_study: Write) -> None:
    fixed = "methods: [climb, {hop: {method: climb, rate: 1}}]"
    load_study(write_study(methods=fixed, search="search: {space: {rate: {choice: [1, 2]}}}"))
    with pytest.raises(SpecError) as caught:
        load_study(write_study(methods=fixed, search="search: {space: {hop.rate: {choice: [1, 2]}}}"))
    assert str(caught.value) == (
        f'study.yaml:5: search.space.hop.rate: {OPEN_OPTION}, but got "hop.rate"; search it or fix it as hop does, not both'
    )


def test_a_long_value_is_cut_and_a_line_stays_one_line(write_study: Write) -> None:
    message = told(f'budget: {{queries: "{"x" * 500}"}}', write_study)
    assert 50 < message.count("x") < 120
    assert 'x..."' not in message
    assert 'x"; write queries: 300' in message
    assert told(r'"a\nb": 1', write_study).count("\n") == 0
