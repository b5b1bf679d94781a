"""Each of our captioners keeps the contract, and captioners that do not are told how."""

import pytest
import torch
from models.vlm_twins import SIDE, written
from tiny_blip import TINY, tiny

from hemblip.models import BlipCaptioner, MedGemmaCaptioner, VlmCaptioner, check_captioner
from hemblip.models.captioner import Captioner
from hemblip.models.decoding import Decoding, Generated

SHORT = Decoding(max_new_tokens=8)


def slowly(*values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_blip(adaptation):
    check_captioner(tiny(adaptation=adaptation, decoding=SHORT))


@pytest.mark.parametrize("adaptation", ["full", *slowly("lora", "base")])
def test_medgemma(adaptation):
    torch.manual_seed(0)
    check_captioner(MedGemmaCaptioner(pretrained="compact", adaptation=adaptation, decoding=SHORT))


@pytest.mark.parametrize(
    "kind", ["idefics", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("qwen", "gemma"))]
)
def test_vlm(kind, tmp_path):
    settings = {"image_size": SIDE, "question": "What is it?", "decoding": SHORT}
    check_captioner(VlmCaptioner(written(kind, tmp_path), adaptation="lora", **settings))


def broken(method, change):
    """A BLIP of which one method's result is changed."""

    def changed(self, *args, **kwargs):
        return change(getattr(BlipCaptioner, method)(self, *args, **kwargs), *args)

    torch.manual_seed(0)
    return type("Broken", (BlipCaptioner,), {method: changed})("compact", compact=TINY, decoding=SHORT)


def unsure(rows, *_):
    return [[Generated(token, probability - 1.0) for token, probability in row] for row in rows]


@pytest.mark.parametrize(
    ("method", "change", "says"),
    [
        ("answer_ids", lambda ids, *_: ids.flip(1), "padding before a token"),
        ("answer_ids", lambda ids, *_: ids[:, :-1], "each ends by the same mark"),
        ("answer_ids", lambda ids, *_: ids[:, 1:], "are read back as"),
        ("answer_logits", lambda logits, *_: logits[:, :-1], r"it is \(B, A, words\)"),
        ("answer_logits", lambda logits, *_: logits - logits.mean(0), "alone and"),
        ("answer_logits", lambda logits, *_: torch.zeros_like(logits), "does not depend on the image"),
        ("answer_logits", lambda logits, *_: logits.detach(), "does not require grad"),
        ("loss_per_cell", lambda found, *_: (found[0] / found[1], found[1] + 1), "counts other tokens"),
        ("encode", lambda patches, *_: patches[:, 0], r"it is \(B, P, D\)"),
        ("embed", lambda cells, *_: cells - cells.mean(0), "embedding depends on its neighbours"),
        ("generate_tokens", unsure, "both have to see the same model"),
        ("generate_tokens", lambda rows, *_: rows[:1], "gives 1 captions of 3 cells"),
        ("generate_tokens", lambda rows, *_: [row * 20 for row in rows], "decoding.max_new_tokens is 8"),
        ("settings", lambda settings, *_: settings | {"decoding": SHORT}, "no plain values"),
    ],
)
def test_what_is_broken_is_told(method, change, says):
    with pytest.raises((AssertionError, RuntimeError), match=says):
        check_captioner(broken(method, change), rebuild=False)


def test_a_captioner_that_is_not_made_again_by_its_settings():
    captioner = tiny(decoding=SHORT)
    captioner._settings["decoding"] = {"max_new_tokens": 2}
    with pytest.raises(AssertionError, match="loaded from a checkpoint it says other things"):
        check_captioner(captioner)


def test_something_else():
    with pytest.raises(AssertionError, match="Linear is no subclass"):
        check_captioner(torch.nn.Linear(1, 1))
    assert issubclass(BlipCaptioner, Captioner)
