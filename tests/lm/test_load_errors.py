from __future__ import annotations

import socket
import sys
import warnings
from pathlib import Path

import pytest
from huggingface_hub import constants
from transformers.utils import logging

from zostudy.errors import ModelError, TooLongError
from zostudy.lm.load_errors import _hub_is_unknown, load_errors_explained
from zostudy.lm.sources import ModelSource

HUB = ModelSource("owner/model", None, "masked")


class PanicException(BaseException):
    """As pyo3 names what a panic in Rust becomes; it too derives from BaseException alone."""


@pytest.mark.parametrize(("known", "proxies"), [(True, {}), (False, {}), (False, {"https": "http://proxy"})])
def test_a_hub_out_of_reach_is_not_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: bool, proxies: dict[str, str]
) -> None:
    def address(*_: object) -> None:
        if not known:
            raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("zostudy.lm.load_errors.socket.getaddrinfo", address)
    monkeypatch.setattr("zostudy.lm.load_errors.getproxies", lambda: proxies)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    _hub_is_unknown.cache_clear()
    with load_errors_explained(HUB):
        assert (not known and not proxies) == constants.HF_HUB_OFFLINE
    with load_errors_explained(ModelSource(str(tmp_path), None, "masked")):
        assert not constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE
    _hub_is_unknown.cache_clear()


def said_of(error: BaseException, source: ModelSource) -> str:
    with pytest.raises(ModelError) as caught, load_errors_explained(source):
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("Unrecognized model.\nAdvice."), "cannot be loaded (Unrecognized model); check that its config"),
        (RuntimeError("size mismatch:\n  a\n  b"), "cannot be loaded (size mismatch: a b); check"),
        (KeyError("no_such_act"), "cannot be loaded (unknown or missing: 'no_such_act'); check"),
        (TypeError("unhashable"), "(unhashable)"),
        (AttributeError("'str' has no 'x'"), "('str' has no 'x')"),
        (Exception("data did not match any variant"), "(data did not match any variant)"),
        (AssertionError(), "(AssertionError)"),
        (PanicException("index out of bounds"), "(index out of bounds)"),
        (RecursionError("maximum depth"), "(maximum depth)"),
        (OSError("no file named model.safetensors"), "cannot be loaded (no file named model.safetensors)"),
        (ImportError("needs it: `pip install -U bitsandbytes>=0.46.1`"), "run: pip install bitsandbytes, or name"),
        (ImportError("Loading a GPTQ model requires `gptqmodel`"), "needs gptqmodel, which is not"),
        (ModuleNotFoundError("No module named 'einops'", name="einops.layers"), "run: pip install einops, or"),
        (
            ImportError("FlashAttention2 is off"),
            "needs a package, which is not installed (FlashAttention2",
        ),
        (MemoryError(), "must fit into memory, but"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "free memory or raise its limit"),
    ],
)
def test_whatever_a_library_raises_is_one_line(tmp_path: Path, error: BaseException, expected: str) -> None:
    said = said_of(error, ModelSource(str(tmp_path), None, "masked"))
    assert expected in said
    assert str(tmp_path) in said


def test_what_the_hub_says_is_told_in_its_first_line_and_whole_words() -> None:
    assert said_of(OSError("It cannot be had.\nSee how to run in another mode."), HUB).endswith(
        "from the hub (It cannot be had); check the name, download it once with a network, or name a folder"
    )
    assert "(word word" in said_of(OSError("word " * 100), HUB)
    assert "word ...);" in said_of(OSError("word " * 100), HUB)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), TooLongError("a rule", remedy="a remedy")])
def test_what_ends_the_process_and_our_own_errors_pass_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, load_errors_explained(HUB):
        raise error
    assert caught.value is error


def test_nothing_reaches_the_terminal_and_the_settings_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with load_errors_explained(HUB):
        print("printed")
        warnings.warn("warned of", stacklevel=1)
        logging.get_logger("transformers.models").error("logged")
    with pytest.raises(ModelError), load_errors_explained(HUB):
        raise ValueError("broken")
    assert capsys.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    print("heard", file=sys.stdout)
    assert capsys.readouterr().out == "heard\n"
