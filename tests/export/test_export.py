"""An exported folder is loaded by plain transformers and captions as the run did, token for token."""

import re
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch
import yaml
from finished_run import finished_run
from PIL import Image
from tiny_blip import TINY
from transformers import AutoModelForImageTextToText, AutoProcessor

from hemblip.cli.main import main
from hemblip.data.images import square
from hemblip.models import BlipCaptioner, gemma_weights
from hemblip.models.compact_blip import CompactBlip
from hemblip.models.decoding import Decoding
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.morphology.spelling import printed
from hemblip.run import Run

DECODING = {"num_beams": 3, "max_new_tokens": 12}
COMPACT = {"pretrained": "compact", "compact": asdict(TINY) | {"stem": list(TINY.stem)}, "decoding": DECODING}
GEMMA = {"pretrained": "compact", "decoding": DECODING | {"num_beams": 2}, "system_prompt": "", "question": "What?"}
LORA = {"adaptation": "lora", "train_last_layers": 1, "train_head": True}
VARIANTS = {
    "blip full": COMPACT | {"adaptation": "full"},
    "blip deep stem": COMPACT | {"compact": COMPACT["compact"] | {"stem_blocks": 2}},
    "blip lora": COMPACT | LORA,
    "blip lora embeddings": COMPACT | LORA | {"train_embeddings": True, "lora_attention": "cross"},
    "medgemma lora": GEMMA | LORA,
    "medgemma full": GEMMA | {"adaptation": "full"},
}


def build(settings):
    torch.manual_seed(0)
    if "compact" in settings:
        given = {key: value for key, value in settings.items() if key not in ("compact", "decoding")}
        return BlipCaptioner(**given, compact=CompactBlip(**settings["compact"]))
    return MedGemmaCaptioner(**{key: value for key, value in settings.items() if key != "decoding"})


def moved(captioner):
    """Move what trains far from where it started."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in captioner.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)


@pytest.fixture(params=VARIANTS)
def run(request, workplace):
    """A run whose trained weights, head and embeddings among them, are far from where they started."""
    settings = VARIANTS[request.param]
    captioner = build(settings)
    moved(captioner)
    size = captioner.image_size
    data = {"class_path": "hemblip.data.InternalCells", "init_args": {"image_size": size, "crop": 1.0, "sources": []}}
    return finished_run(workplace / "runs" / "model" / "version_0", captioner, settings, data)


def cells(size):
    draw = np.random.default_rng(0)
    colours = draw.integers(0, 256, (6, 1, 1, 3))
    return [(colour + draw.integers(-40, 40, (size, size, 3))).clip(0, 255).astype(np.uint8) for colour in colours]


def test_plain_transformers_writes_the_same_captions(run, workplace, monkeypatch):
    expected = Run(run).captioner()
    pixels = cells(expected.image_size)
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
    captions = expected.generate({"images": images, "captions": [], "cell_ids": []})
    assert len(set(captions)) > 1
    assert main(["export", "--run", str(run), "--output", "model"]) == 0
    card = (workplace / "model" / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    for image, caption in zip(pixels, captions, strict=True):
        Image.fromarray(image).save("cell.png")
        names = {}
        exec(code, names)  # what a reader of the card would run
        assert printed(names["caption"]) == caption


def captions_of(captioner):
    images = torch.from_numpy(np.stack(cells(captioner.image_size))).permute(0, 3, 1, 2).contiguous()
    return captioner.generate({"images": images, "captions": [], "cell_ids": []})


def untied(kind, folder):
    """Save a base model whose head is not its word embeddings; gives settings that adapt it."""
    settings = COMPACT | {"adaptation": "full"} if kind == "blip" else GEMMA | {"adaptation": "full"}
    base = build(settings)
    head = base.model.text_decoder.cls.predictions.decoder if kind == "blip" else base.model.lm_head
    head.weight = torch.nn.Parameter(head.weight.detach() + 0.02 * torch.randn(head.weight.shape))
    base.model.config.tie_word_embeddings = base.model.config.text_config.tie_word_embeddings = False
    base.model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    return {name: value for name, value in settings.items() if name != "compact"} | LORA | {"pretrained": str(folder)}


@pytest.mark.parametrize("kind", ["blip", "medgemma"])
def test_nothing_is_lost_where_head_and_embeddings_are_not_tied(workplace, kind):
    settings = untied(kind, workplace / "base")
    torch.manual_seed(0)
    decoding = Decoding(**settings["decoding"])
    chosen = {name: value for name, value in settings.items() if name != "decoding"}
    captioner = {"blip": BlipCaptioner, "medgemma": MedGemmaCaptioner}[kind](**chosen, decoding=decoding)
    moved(captioner)
    run = finished_run(workplace / "runs" / kind / "version_0", captioner, settings)
    expected = captions_of(Run(run).captioner())
    assert main(["export", "--run", str(run), "--output", "model"]) == 0
    model = AutoModelForImageTextToText.from_pretrained("model", trust_remote_code=True)
    head, words = head_and_words(model)
    assert not torch.equal(head, words) and torch.equal(head, head_and_words(captioner.model)[0])
    again = {"blip": BlipCaptioner, "medgemma": MedGemmaCaptioner}[kind](
        **chosen | {"pretrained": "model", "adaptation": "full"}, decoding=decoding
    )
    assert captions_of(again.eval()) == expected
    batch = {"images": torch.from_numpy(np.stack(cells(again.image_size)[:2])).permute(0, 3, 1, 2)}
    batch |= {"captions": ["A large monocyte.", "Blue!"], "cell_ids": ["a", "b"]}
    losses = [one.loss_per_cell(batch)[0] for one in (again, Run(run).captioner())]
    assert torch.allclose(*losses, rtol=1e-4)


def test_small_steps_are_not_lost_in_a_base_of_bfloat16(workplace, monkeypatch):
    """On a GPU the frozen weights are bfloat16, in which a step of 5e-5 often is none."""
    whole = gemma_weights.load

    def half(*words):
        model, *rest = whole(*words)
        return model.bfloat16(), *rest

    monkeypatch.setattr("hemblip.models.medgemma.load", half)
    captioner = build(GEMMA | LORA)
    with torch.no_grad():
        for parameter in captioner.parameters():
            if parameter.requires_grad:
                parameter.add_(5e-5)
    run = finished_run(workplace / "runs" / "gemma" / "version_0", captioner, GEMMA | LORA)
    expected = Run(run).captioner()
    expected.model.float()
    captions = captions_of(expected)
    assert main(["export", "--run", str(run), "--output", "model"]) == 0
    monkeypatch.undo()
    monkeypatch.chdir(workplace)
    model = AutoModelForImageTextToText.from_pretrained("model", dtype="auto")
    name = "model.language_model.layers.1.mlp.down_proj.weight"
    assert torch.equal(model.get_parameter(name), captioner.model.get_parameter(name))
    settings = {name: value for name, value in GEMMA.items() if name != "decoding"} | {"pretrained": "model"}
    again = MedGemmaCaptioner(**settings, adaptation="base", decoding=Decoding(**GEMMA["decoding"]))
    assert captions_of(again.eval()) == captions


@pytest.mark.parametrize("side", [20, 32, 90])
def test_the_card_prepares_images_as_the_run_did(blip_run, workplace, side):
    main(["export", "--run", str(blip_run), "--output", "out"])
    code = re.search(r"```python\n(.*?)```", (workplace / "out" / "README.md").read_text(), re.DOTALL)[1]
    image = Image.fromarray(cells(6)[0]).resize((side, side), Image.Resampling.BICUBIC)
    image.save("cell.png")
    names = {}
    exec(code.split("pixels =")[0].replace('"out"', repr(str(workplace / "out"))), names)
    assert np.array_equal(np.asarray(names["image"]), square(np.asarray(image), 32, 0.8))


def head_and_words(model):
    language = getattr(model, "text_decoder", model)
    return language.get_output_embeddings().weight, language.get_input_embeddings().weight


def test_weights_are_merged_and_complete(run, workplace):
    main(["export", "--run", str(run), "--output", "model"])
    model, report = AutoModelForImageTextToText.from_pretrained(
        "model", trust_remote_code=True, output_loading_info=True
    )
    assert not any(report.values())
    assert not [name for name in model.state_dict() if "lora" in name or "base_layer" in name]
    head, words = head_and_words(model)
    trained = Run(run).captioner()
    assert head is words and torch.equal(head, head_and_words(trained.model)[0])
    files = {path.name for path in (workplace / "model").iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "README.md"} <= files
    assert model.generation_config.num_beams == trained.decoding.num_beams
    assert AutoProcessor.from_pretrained("model").tokenizer.get_vocab() == trained.tokenizer.get_vocab()


@pytest.fixture
def blip_run(workplace):
    settings = COMPACT | LORA
    return finished_run(workplace / "runs" / "blip_lora" / "version_0", build(settings), settings)


def test_card_is_filled_from_the_run(blip_run):
    main(["export", "--run", str(blip_run)])
    card = (blip_run / "export" / "README.md").read_text()
    _, head, text = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "mit" and yaml.safe_load(head)["pipeline_tag"] == "image-to-text"
    assert 'Version 5 of transformers has no `pipeline("image-to-text")` any more' in card
    assert "| test | 12 | 71.8 | 45.7 | 61.2 | 0.314 | 0.593 |" in text and "| cell_type | 12 | 100.0 | 50.0 |" in text
    for part in ("central 80%", "num_beams 3", "no medical device", "confounded", "train_last_layers: 1"):
        assert part in text, part
    assert "blip_lora/version_0" in text and str(blip_run.parents[2]) not in text


def test_an_untested_run_says_so(blip_run):
    (blip_run / "metrics.json").unlink()
    main(["export", "--run", str(blip_run), "--output", "out"])
    assert "This run was not tested." in (blip_run.parents[2] / "out" / "README.md").read_text()


def test_an_exported_folder_is_a_pretrained_model(blip_run):
    main(["export", "--run", str(blip_run), "--output", "out"])
    again, trained = BlipCaptioner("out"), Run(blip_run).captioner()
    images = torch.from_numpy(np.stack(cells(32))).permute(0, 3, 1, 2)
    batch = {"images": images, "captions": [], "cell_ids": []}
    assert torch.allclose(again.eval().embed(batch), trained.embed(batch), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--run", "runs/none"], "runs/none: no such file or run"),
        (["--run", "runs/blip_lora/version_0", "--output", "."], "exists already"),
        (["--run", "runs/blip_lora/version_0/checkpoints/other.ckpt"], "other.ckpt: no such file or run"),
    ],
)
def test_mistakes_are_told_in_one_line(blip_run, capsys, words, says):
    assert main(["export", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


@pytest.mark.slow
def test_exported_folder_needs_no_hemblip(blip_run, workplace):
    main(["export", "--run", str(blip_run), "--output", "blip_lora"])
    Image.fromarray(cells(32)[0]).save("cell.png")
    code = re.search(r"```python\n(.*?)```", (workplace / "blip_lora" / "README.md").read_text(), re.DOTALL)[1]
    absent = "import sys; sys.modules['hemblip'] = None\n"
    done = subprocess.run([sys.executable, "-c", absent + code], capture_output=True, text=True, cwd=workplace)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


@pytest.mark.slow
def test_onnx_files_write_the_same_greedy_captions(workplace):
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    settings = COMPACT | LORA | {"decoding": {"num_beams": 1, "max_new_tokens": 8}}
    captioner = build(settings)
    with torch.no_grad():
        captioner.model.text_decoder.cls.predictions.decoder.weight.normal_()
    data = {"class_path": "hemblip.data.InternalCells", "init_args": {"image_size": 32, "sources": []}}
    run = finished_run(workplace / "runs" / "blip" / "version_0", captioner, settings, data)
    assert main(["export", "--run", str(run), "--output", "blip", "--onnx", "true"]) == 0
    card = (workplace / "blip" / "README.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    for image in cells(32)[:2]:
        Image.fromarray(image).save("cell.png")
        plain, onnx = {}, {}
        exec(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], plain)
        exec(code, onnx)
        assert onnx["tokens"] == plain["tokens"][0].tolist() and len(onnx["tokens"]) > 3


def test_onnx_is_for_blip_only(workplace, capsys):
    settings = GEMMA | LORA
    run = finished_run(workplace / "runs" / "gemma" / "version_0", build(settings), settings)
    assert main(["export", "--run", str(run), "--output", "out", "--onnx", "true"]) == 2
    assert "only BLIP" in capsys.readouterr().err and not (workplace / "out").exists()
