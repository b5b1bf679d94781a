"""Any image-text model by name: losses, prompts and images are those of the classes themselves."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from models.vlm_twins import KINDS, SIDE, written
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, Gemma3Processor, Idefics3Processor

from hemblip.errors import ConfigError, ModelAccessError
from hemblip.models import MedGemmaCaptioner, VlmCaptioner
from hemblip.models.vlm import attention_layers, tower_of
from hemblip.models.vlm_prompt import turns

CAPTIONS = ["A small lymphocyte with dense chromatin.", "A large monocyte.", "An eosinophil with red granules."]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: written(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(params=KINDS)
def captioner(request, folders):
    torch.manual_seed(0)
    return VlmCaptioner(folders[request.param], image_size=SIDE, question="What is it?", adaptation="full").eval()


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b", "c"]}


def one(batch, place):
    return {name: values[place : place + 1] for name, values in batch.items()}


def test_the_loss_is_the_classes_own(captioner, batch):
    """With labels on the answer alone, the mean over its tokens."""
    with torch.no_grad():
        nll, tokens = captioner.loss_per_cell(batch)
        for place, caption in enumerate(CAPTIONS):
            answer = captioner.tokenizer(caption, add_special_tokens=False)["input_ids"] + [captioner.end]
            ids = torch.cat([captioner.prompt, torch.tensor(answer)])[None]
            labels = ids.clone()
            labels[:, : len(captioner.prompt)] = -100
            inputs = captioner.inputs({"images": batch["images"][place : place + 1]}, ids, len(captioner.prompt))
            loss = captioner.model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **inputs).loss
            assert tokens[place] == len(answer) and nll[place] / tokens[place] == pytest.approx(loss.item(), rel=1e-4)


def test_a_batch_is_as_its_cells_alone(captioner, batch):
    with torch.no_grad():
        together = captioner.loss_per_cell(batch)[0]
        alone = torch.cat([captioner.loss_per_cell(one(batch, place))[0] for place in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    captions = captioner.generate(batch)
    assert captions == [captioner.generate(one(batch, place))[0] for place in range(3)]


def test_describing_warns_of_nothing(captioner, batch, monkeypatch):
    told = []
    monkeypatch.setattr("transformers.generation.utils.logger.warning_once", lambda *words: told.append(words))
    captioner.generate(batch)
    assert told == []


def test_the_image_matters(captioner, batch):
    with torch.no_grad():
        nll = captioner.loss_per_cell(batch)[0]
        other = captioner.loss_per_cell({**batch, "images": 255 - batch["images"]})[0]
    assert (nll - other).abs().min() > 1e-4
    assert (captioner.prompt == captioner.image_token).sum() == captioner.encode(batch["images"]).shape[1]
    assert captioner.embed(batch).shape == captioner.embed(batch, "first").shape


def test_probabilities_are_those_of_reading_the_answer_again(captioner, batch):
    with torch.no_grad():
        generated = captioner.generate_tokens(one(batch, 0))[0][:-1]
        ids = torch.cat([captioner.prompt, torch.tensor([token.token for token in generated])])[None]
        inputs = captioner.inputs({"images": batch["images"][:1]}, ids, len(captioner.prompt))
        logits = captioner.model(input_ids=ids, attention_mask=torch.ones_like(ids), **inputs).logits[0]
    start = len(captioner.prompt) - 1
    for step, token in enumerate(generated):
        assert token.log_probability == pytest.approx(
            logits[start + step].log_softmax(-1)[token.token].item(), abs=1e-3
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vision", [False, True])
def test_adapters_touch_no_frozen_part(folders, batch, kind, vision):
    torch.manual_seed(0)
    captioner = VlmCaptioner(folders[kind], image_size=SIDE, train_vision=vision)
    trained = {name for name, parameter in captioner.model.named_parameters() if parameter.requires_grad}
    tower = tower_of(captioner.model)
    assert trained and all("lora_" in name for name in trained)
    assert any(name.startswith(f"{tower}.") for name in trained) is vision
    before = {name: value.clone() for name, value in captioner.model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in captioner.parameters() if p.requires_grad], lr=1.0)
    captioner.loss_per_cell(batch)[0].sum().backward()
    optimizer.step()
    changed = {name for name, value in captioner.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and changed <= trained
    layers = [name for name in attention_layers(captioner.model) if name.endswith("base_layer") and tower not in name]
    assert {name.split(".")[-2] for name in layers} >= {"q_proj", "k_proj", "v_proj", "o_proj"}


@pytest.mark.parametrize("vision", [False, True])
def test_a_full_training_leaves_the_vision_encoder_unless_asked(folders, batch, vision):
    captioner = VlmCaptioner(folders["smolvlm"], image_size=SIDE, adaptation="full", train_vision=vision)
    captioner.loss_per_cell(batch)[0].sum().backward()
    tower = f"{tower_of(captioner.model)}."
    moved = {name.startswith(tower) for name, weight in captioner.model.named_parameters() if weight.grad is not None}
    assert moved == ({False, True} if vision else {False})
    assert captioner.model.get_submodule(tower[:-1]).training is vision


def test_prompts_are_those_of_the_processors(folders):
    """Of the kinds whose processor can be made without torchvision."""
    chat, picture = turns("You read smears.", "What is it?"), np.zeros((SIDE, SIDE, 3), np.uint8)
    for kind, processor in (("gemma", Gemma3Processor), ("idefics", Idefics3Processor)):
        captioner = VlmCaptioner(
            folders[kind], image_size=SIDE, system_prompt="You read smears.", question="What is it?"
        )
        count = int((captioner.prompt == captioner.image_token).sum())
        made = processor(
            captioner.image_processor,
            captioner.tokenizer,
            **{"image_seq_length" if kind == "gemma" else "image_seq_len": count},
            chat_template=captioner.tokenizer.chat_template,
        )
        text = made.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        whole = {} if kind == "gemma" else {"do_image_splitting": False}
        ids = made(text=[text], images=[[picture]], add_special_tokens=False, return_tensors="pt", **whole)[
            "input_ids"
        ][0]
        assert ids.tolist() == captioner.prompt.tolist()


def test_other_kinds_are_refused(tmp_path):
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="is of kind 'bert'; take one of gemma3, qwen2_vl"):
        VlmCaptioner(str(tmp_path))


@pytest.mark.parametrize(
    ("kind", "template", "settings", "says"),
    [
        ("gemma", "", {}, "has no chat template; take one that was taught to answer"),
        ("smolvlm", "{{ raise_exception('no system here') }}", {}, "cannot write a question .no system here.$"),
        (
            "smolvlm",
            "{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}ANSWERED",
            {"system_prompt": "You read smears."},
            "leave model.init_args.system_prompt empty",
        ),
        ("paligemma", None, {"system_prompt": "You read smears."}, "reads none; leave it empty"),
        ("smolvlm", None, {"question": "<image> What is it?"}, "holds <image>, which stands for the image"),
        ("qwen", None, {"image_size": 0}, "image_size is 0; it is at least 1"),
    ],
)
def test_what_a_model_cannot_be_asked_is_refused(folders, tmp_path, kind, template, settings, says):
    shutil.copytree(folders[kind], tmp_path / "model")
    if template is not None:
        words = AutoTokenizer.from_pretrained(tmp_path / "model")
        words.chat_template = template or None
        (tmp_path / "model/chat_template.jinja").unlink()
        words.save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match=says):
        VlmCaptioner(str(tmp_path / "model"), **{"image_size": SIDE, **settings})


def test_a_tokenizer_of_another_model_is_refused(folders, tmp_path):
    """One whose padding is the end of an answer, which would never be learnt or written; one without image tokens."""
    shutil.copytree(folders["smolvlm"], tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    (tmp_path / "model/config.json").write_text(json.dumps(config | {"image_token_id": 99_999}))
    with pytest.raises(ConfigError, match="tokenizer does not have image token 99999"):
        VlmCaptioner(str(tmp_path / "model"), image_size=SIDE)
    words = AutoTokenizer.from_pretrained(tmp_path / "model")
    words.pad_token = words.eos_token
    words.save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match="no padding token beside the one that ends an answer"):
        VlmCaptioner(str(tmp_path / "model"), image_size=SIDE)


@pytest.mark.parametrize("precision", ["16-mixed", "16-true", "transformer-engine-float16"])
def test_gemmas_are_not_computed_in_float16(folders, precision):
    for captioner in (VlmCaptioner(folders["gemma"], image_size=SIDE), MedGemmaCaptioner("compact")):
        captioner._trainer = SimpleNamespace(precision=precision)
        with pytest.raises(ConfigError, match="overflows in float16 and answers nothing; set bf16-mixed"):
            captioner.setup("test")


@pytest.mark.parametrize(("stage", "kept"), [("fit", torch.float32), ("test", torch.bfloat16)])
def test_what_trains_as_a_whole_is_in_float32(folders, stage, kept):
    """Weights come in bfloat16 on a GPU, in whose 8 bits small steps are lost."""
    captioner = VlmCaptioner(folders["smolvlm"], image_size=SIDE, adaptation="full")
    captioner.model.bfloat16()
    captioner._trainer = SimpleNamespace(precision="bf16-mixed")
    captioner.setup(stage)
    assert {weight.dtype for weight in captioner.model.parameters()} == {kept}


def test_a_model_that_lacks_weights_or_room_is_not_loaded(tmp_path, monkeypatch):
    path = Path(written("smolvlm", tmp_path)) / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("q_proj.weight"))
    save_file({other: weights[other] for other in weights if other != name}, path, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=f"lacks 1 weights, first: .*{name.split('.', 1)[1]}; get it again"):
        VlmCaptioner(str(tmp_path), image_size=SIDE)
    monkeypatch.setattr("hemblip.models.access._free", lambda: 10_000)
    with pytest.raises(ModelAccessError, match="of memory are free; use a machine with more, or a smaller model"):
        VlmCaptioner(str(tmp_path), image_size=SIDE)
