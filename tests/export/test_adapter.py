"""Adapters alone: PEFT puts them into the base model, and the card's lines caption as the run did."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from finished_run import finished_run
from models.vlm_twins import KINDS, SIDE, written
from peft import PeftModel
from PIL import Image
from tiny_blip import tiny
from transformers import AutoModelForImageTextToText

from hemblip.cli.main import main
from hemblip.export.export import write_adapter
from hemblip.models import BlipCaptioner, VlmCaptioner
from hemblip.models.decoding import Decoding
from hemblip.morphology.spelling import printed
from hemblip.run import Run

RUN = "runs/model/version_0"
DECODING = {"num_beams": 1, "max_new_tokens": 10}
PROMPT = {"image_size": SIDE, "question": "What is it?"}
ADAPTERS_ALONE = {"adaptation": "lora", "train_last_layers": 0, "train_head": False}


def made(kind):
    """A captioner of a base model in the folder `base`, and its settings."""
    if kind == "blip":
        blip = tiny(adaptation="full")
        blip.model.save_pretrained("base")
        blip.tokenizer.save_pretrained("base")
        settings = {"pretrained": "base", "revision": "abc123", **ADAPTERS_ALONE}
        return BlipCaptioner(**settings, decoding=Decoding(**DECODING)), settings
    written(kind, "base")
    settings = {"pretrained": "base", "revision": "abc123", **PROMPT}
    return VlmCaptioner(**settings, decoding=Decoding(**DECODING)), settings


@pytest.fixture(params=["blip", "idefics", "gemma"])
def run(request, workplace):
    """Of the kinds whose processors need no torchvision; its adapters are far from where they started."""
    torch.manual_seed(0)
    captioner, settings = made(request.param)
    with torch.no_grad():
        for name, weight in captioner.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.5)
    data = {"class_path": "hemblip.data.InternalCells"}
    data["init_args"] = {"image_size": captioner.image_size, "crop": 1.0, "sources": []}
    return finished_run(workplace / RUN, captioner, settings | {"decoding": DECODING}, data)


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_the_cards_lines_caption_as_the_run_does(run, form):
    captioner = Run(run).captioner()
    side = captioner.image_size
    draw = np.random.default_rng(0)
    cells = draw.integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    images = torch.from_numpy(cells).permute(0, 3, 1, 2).contiguous()
    expected = captioner.generate({"images": images, "captions": [], "cell_ids": []})
    assert main(["export", "--run", RUN, "--output", "out", "--format", form]) == 0
    code = re.search(r"```python\n(.*?)```", Path("out/README.md").read_text(), re.DOTALL)[1]
    for cell, caption in zip(cells, expected, strict=True):
        Image.fromarray(cell).save("cell.png")
        names = {}
        # The base model lies in a folder here, which has no revisions.
        exec(code.replace(', revision="abc123"', ""), names)
        assert printed(names["caption"]) == caption


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"idefics", "gemma"}))
def test_peft_answers_with_the_same_tokens(workplace, kind):
    """Of the other kinds, whose processors need torchvision: inputs are the captioner's own."""
    torch.manual_seed(0)
    captioner = made(kind)[0].eval()
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batch = {"images": images, "captions": [], "cell_ids": ["a", "b"]}
    without = captioner.generate_tokens(batch)
    with torch.no_grad():
        for name, weight in captioner.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.5)
    expected = captioner.generate_tokens(batch)
    Path("out").mkdir()
    write_adapter(captioner, Path("out"))
    base = AutoModelForImageTextToText.from_pretrained("base")
    captioner.model = PeftModel.from_pretrained(base, "out").eval().get_base_model()
    again = captioner.generate_tokens(batch)
    assert [[one.token for one in row] for row in again] == [[one.token for one in row] for row in expected]
    assert [[one.token for one in row] for row in without] != [[one.token for one in row] for row in expected]


def test_card_and_config_name_the_base_model_and_its_revision(run):
    assert main(["export", "--run", RUN, "--output", "out", "--format", "adapter"]) == 0
    told = json.loads(Path("out/adapter_config.json").read_text())
    assert (told["base_model_name_or_path"], told["revision"], told["peft_type"]) == ("base", "abc123", "LORA")
    card = Path("out/README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert (head["library_name"], head["base_model_relation"]) == ("peft", "adapter")
    assert "LoRA adapters for base at revision abc123" in card and "merged" not in card
    assert "PeftModel.from_pretrained" in card and 'from_pretrained("base", revision="abc123"' in card
    assert json.loads(Path("out/generation_config.json").read_text())["max_new_tokens"] == 10
    assert ("--enable-lora" in card) == (told["target_modules"][0].startswith("model."))


def test_compact_models_have_no_base_to_go_into(workplace, capsys):
    settings = {"pretrained": "compact", **ADAPTERS_ALONE}
    finished_run(workplace / RUN, BlipCaptioner(**settings), settings)
    assert main(["export", "--run", RUN, "--output", "out", "--format", "adapter"]) == 2
    error = capsys.readouterr().err
    assert "published nowhere" in error and error.count("\n") == 1
    assert not list(workplace.glob("*out*"))


@pytest.mark.parametrize("name", ["google/medgemma-1.5-4b-it", "Qwen/Qwen3-VL-4B-Instruct"])
def test_the_licence_of_the_base_model_goes_along(workplace, name, monkeypatch):
    """Under its published name, which only the hub has: the weights are those of the twin."""
    written("gemma", "base")
    settings = {"pretrained": "base", **PROMPT}
    captioner = VlmCaptioner(**settings)
    captioner.pretrained = name
    run = finished_run(workplace / RUN, captioner, settings)
    monkeypatch.setattr(Run, "captioner", lambda *_, **__: captioner)
    assert main(["export", "--run", str(run), "--output", "out", "--format", "adapter"]) == 0
    card, google = Path("out/README.md").read_text(), "medgemma" in name
    head = yaml.safe_load(card.split("---")[1])
    assert head["base_model"] == name
    assert (head.get("license_name") == "health-ai-developer-foundations") is google
    assert ("subject to the Health AI Developer Foundations Terms of Use" in card) is google
    assert Path("out/NOTICE").is_file() is google
