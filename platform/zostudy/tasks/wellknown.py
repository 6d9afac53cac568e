"""The well-known tasks: their data sets, class names, templates and label words.

The words come from four published sets (``source`` names the one for masked, then the one for causal models):

- BBT: Black-Box Tuning (Sun et al., ICML 2022);
- LM-BFF: LM-BFF and MeZO (Gao et al., ACL 2021; Malladi et al., NeurIPS 2023), but that they drop a first
  text's last character and lower a second text's first letter;
- BDPL: Black-box Discrete Prompt Learning and its successors (Diao et al., TMLR 2023; ZO-PoG, ICLR 2025);
- ours: where these have none, and for every encoder.

Every label word is one piece of GPT-2's and RoBERTa's vocabulary in the form its template asks for. Where a
task's test labels are hidden, its official validation set is the test split.
"""

from __future__ import annotations

from zostudy.config.known import EMBEDDED_TASK, HeadKind
from zostudy.config.task import SplitNames
from zostudy.tasks.known import HubOrigin, WellKnownTask
from zostudy.tasks.templates import Template, Wording


def _wordings(
    masked: str,
    words: str,
    causal: str,
    encoder: str,
    texts: tuple[str, ...],
    causal_words: str | None = None,
) -> dict[HeadKind, Wording]:
    return {
        "masked": Wording(Template.parse(masked), tuple(words.split())),
        "causal": Wording(Template.parse(causal), tuple((causal_words or words).split())),
        "encoder": Wording(Template.parse(encoder), texts),
    }


def _opinion(words: str) -> dict[HeadKind, Wording]:
    texts = tuple(f"It was {word}." for word in words.split())
    return _wordings("{text} It was {mask}.", words, "{text} It was {mask}", "{text}", texts)


def _inference(words: str, texts: tuple[str, ...]) -> dict[HeadKind, Wording]:
    return _wordings(
        masked="{text} ? {mask} , {second_text}",
        words=words,
        causal="{text} . {second_text} entailment? {mask}",
        causal_words=words.lower(),
        encoder="{text} So: {second_text}",
        texts=texts,
    )


def _same_meaning() -> dict[HeadKind, Wording]:
    return _wordings(
        masked="{text} {mask}, {second_text}",
        words="No Yes",
        causal="{text} . {second_text} equivalent? {mask}",
        causal_words="no yes",
        encoder="{text} In other words: {second_text}",
        texts=("They mean different things.", "They mean the same."),
    )


def _glue(config: str, text: str, second_text: str | None = None, test: str = "validation") -> HubOrigin:
    return HubOrigin("nyu-mll/glue", config, text, second_text, splits=SplitNames(test=test))


_SENTIMENT = ("negative", "positive")
_SHORT = {"neg": "negative", "pos": "positive"}
_TWO_WAY = ("entailment", "not_entailment")
_THREE_WAY = ("entailment", "neutral", "contradiction")
_ANSWERS = ("abbreviation", "description", "entity", "human", "location", "numeric")
_ONTOLOGY = (
    *("Company", "EducationalInstitution", "Artist", "Athlete", "OfficeHolder"),
    *("MeanOfTransportation", "Building", "NaturalPlace", "Village", "Animal"),
    *("Plant", "Album", "Film", "WrittenWork"),
)
_FOLLOWS, _NOT_FOLLOWS = "The second follows.", "The second does not follow."
_OPEN, _CONTRADICTS = "It may or may not be so.", "The second contradicts the first."

WELL_KNOWN: dict[str, WellKnownTask] = {
    EMBEDDED_TASK: WellKnownTask(_SENTIMENT, _opinion("terrible great"), "LM-BFF, LM-BFF"),
    "sst2": WellKnownTask(
        _SENTIMENT,
        _opinion("terrible great"),
        "LM-BFF, LM-BFF",
        HubOrigin("stanfordnlp/sst2", text="sentence", splits=SplitNames(test="validation")),
    ),
    "sst5": WellKnownTask(
        ("very negative", "negative", "neutral", "positive", "very positive"),
        _opinion("terrible bad okay good great"),
        "LM-BFF, ours",
        HubOrigin("SetFit/sst5", label="label_text"),
    ),
    "mr": WellKnownTask(
        _SENTIMENT,
        _opinion("terrible great"),
        "LM-BFF, ours",
        HubOrigin("cornell-movie-review-data/rotten_tomatoes"),
        _SHORT,
    ),
    "cr": WellKnownTask(
        _SENTIMENT, _opinion("terrible great"), "LM-BFF, ours", HubOrigin("SetFit/CR", label="label_text")
    ),
    "mpqa": WellKnownTask(_SENTIMENT, _opinion("terrible great"), "LM-BFF, ours"),
    "imdb": WellKnownTask(_SENTIMENT, _opinion("terrible great"), "BDPL, BDPL", HubOrigin("stanfordnlp/imdb"), _SHORT),
    "yelp": WellKnownTask(_SENTIMENT, _opinion("bad great"), "BBT, ours", HubOrigin("fancyzhx/yelp_polarity")),
    # Amazon reviews: BDPL's successors count negative reviews, the rarer ones, as class 1.
    "book": WellKnownTask(("positive", "negative"), _opinion("positive negative"), "BDPL, BDPL"),
    "elec": WellKnownTask(("positive", "negative"), _opinion("positive negative"), "BDPL, BDPL"),
    "ag_news": WellKnownTask(
        ("World", "Sports", "Business", "Sci/Tech"),
        _wordings(
            masked="{mask} News: {text}",
            words="World Sports Business Tech",
            causal="{text} The news above is about {mask}",
            causal_words="world sports business tech",
            encoder="{text}",
            texts=("World news.", "Sports news.", "Business news.", "Science and technology news."),
        ),
        "BBT, BBT",
        HubOrigin("fancyzhx/ag_news"),
        {"Technology": "Sci/Tech", "Tech": "Sci/Tech"},
    ),
    "dbpedia": WellKnownTask(
        _ONTOLOGY,
        _wordings(
            # In lower case for masked models too: BBT's "Athlete" is two pieces.
            masked="[ Category: {mask} ] {text}",
            words="company education artist athlete office transportation building natural village animal "
            "plant album film written",
            causal="{text} The text above is about {mask}",
            encoder="{text}",
            texts=(
                "A company.",
                "A school or university.",
                "An artist.",
                "An athlete.",
                "A politician or office holder.",
                "A vehicle, ship or aircraft.",
                "A building.",
                "A river, mountain or other natural place.",
                "A village.",
                "An animal.",
                "A plant.",
                "A music album.",
                "A film.",
                "A book or other written work.",
            ),
        ),
        "BBT, BBT",
        HubOrigin("fancyzhx/dbpedia_14", text="content"),
    ),
    "trec": WellKnownTask(
        _ANSWERS,
        _wordings(
            masked=" {mask} : {text}",
            words="Expression Description Entity Human Location Number",
            causal="{text} The answer is a kind of {mask}",
            causal_words="expression description entity human location number",
            encoder="{text}",
            texts=(
                "What does the abbreviation stand for?",
                "How or why is it, and what does it mean?",
                "What thing is it?",
                "Who is it?",
                "Where is it?",
                "How many, how much, or when?",
            ),
        ),
        "LM-BFF, ours",
        HubOrigin("SetFit/TREC-QC", label="label_coarse_original"),
        dict(zip(("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"), _ANSWERS, strict=True)),
    ),
    "subj": WellKnownTask(
        ("objective", "subjective"),
        _wordings(
            masked="{text} This is {mask}.",
            words="objective subjective",
            causal="{text} This is {mask}",
            encoder="{text}",
            texts=("What happens in the story.", "What I think of the film."),
        ),
        "LM-BFF, ours",
        HubOrigin("SetFit/subj", label="label_text"),
    ),
    "cola": WellKnownTask(
        ("unacceptable", "acceptable"),
        _wordings(
            masked="{text} This is {mask}.",
            words="incorrect correct",
            causal="{text} correct? {mask}",
            causal_words="no yes",
            encoder="{text}",
            texts=("This is wrong grammar.", "This is good grammar."),
        ),
        "LM-BFF, BDPL",
        _glue("cola", "sentence"),
    ),
    "mrpc": WellKnownTask(
        ("not_equivalent", "equivalent"),
        _same_meaning(),
        "LM-BFF, BDPL",
        _glue("mrpc", "sentence1", "sentence2"),
    ),
    "qqp": WellKnownTask(
        ("not_duplicate", "duplicate"),
        _same_meaning(),
        "LM-BFF, BDPL",
        _glue("qqp", "question1", "question2"),
        {"different": "not_duplicate"},
    ),
    "rte": WellKnownTask(
        _TWO_WAY,
        _inference("Yes No", (_FOLLOWS, _NOT_FOLLOWS)),
        "BBT, BDPL",
        _glue("rte", "sentence1", "sentence2"),
    ),
    "qnli": WellKnownTask(
        _TWO_WAY,
        _inference("Yes No", ("The second answers the question.", "The second does not answer the question.")),
        "LM-BFF, BDPL",
        _glue("qnli", "question", "sentence"),
    ),
    "wnli": WellKnownTask(
        ("not_entailment", "entailment"),
        _inference("No Yes", (_NOT_FOLLOWS, _FOLLOWS)),
        "ours, BDPL",
        _glue("wnli", "sentence1", "sentence2"),
    ),
    "mnli": WellKnownTask(
        _THREE_WAY,
        _inference("Yes Maybe No", (_FOLLOWS, _OPEN, _CONTRADICTS)),
        "LM-BFF, BDPL",
        _glue("mnli", "premise", "hypothesis", test="validation_matched"),
    ),
    "snli": WellKnownTask(
        _THREE_WAY,
        _inference("Yes Maybe No", (_FOLLOWS, _OPEN, _CONTRADICTS)),
        "BBT, BDPL",
        HubOrigin("stanfordnlp/snli", text="premise", second_text="hypothesis"),
    ),
}
