"""A whole experiment with an image-text model: fit, test, predict, export, and back."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from models.vlm_twins import KINDS, SIDE, written
from peft import PeftModel
from transformers import AutoModelForImageTextToText

from hemblip import load
from hemblip.cli.main import main
from hemblip.models.vlm import REVISIONS
from hemblip.run import Run

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
CONFIG = Path(__file__).parents[2] / "configs"
RUN = "runs/twin/version_0"


@pytest.fixture(scope="module", params=KINDS)
def twin(request, tmp_path_factory):
    return written(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def words(workplace, twin):
    text = Path(TINY).read_text()
    head, tail = text[: text.index("model:")], text[text.index("data:") :]
    model = f"""model:
  class_path: hemblip.models.VlmCaptioner
  init_args: {{pretrained: {twin}, image_size: {SIDE}, learning_rate: 1.0e-3, decoding: {{max_new_tokens: 8}}}}

"""
    Path("twin.yaml").write_text(head + model + tail.replace("image_size: 32", f"image_size: {SIDE}"))
    return ["--config", "twin.yaml", "--name", "twin", "--trainer.max_epochs", "1", "--data.init_args.limit", "8"]


@pytest.mark.slow
def test_fit_test_predict_and_both_exports(words, twin, capsys):
    assert main(["fit", *words]) == 0
    assert main(["test", *words, "--ckpt_path", RUN]) == 0
    rows = Run(RUN).predictions("test")
    assert len(rows) == 8
    images = Path(rows["image"].iloc[0]).parent
    assert main(["predict", "--run", RUN, "--images", str(images), "--output", "run.csv"]) == 0

    assert main(["export", "--run", RUN, "--output", "merged", "--push", "me/mine", "--dry-run"]) == 0
    assert "would send" in capsys.readouterr().out and twin not in (Path("merged") / "README.md").read_text()
    told, again = pd.read_csv("run.csv")["caption"].fillna("").tolist(), load("merged", device="cpu")
    pictures = pd.read_csv("run.csv")["image"].tolist()[:4]
    assert [one.caption for one in again.describe(pictures)] == told[:4]

    assert main(["export", "--run", RUN, "--output", "adapter", "--format", "adapter"]) == 0
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {path.name for path in Path("adapter").iterdir()}
    base = AutoModelForImageTextToText.from_pretrained(twin)
    adapted = PeftModel.from_pretrained(base, "adapter").merge_and_unload()
    merged = again.model.state_dict()
    for name, weight in adapted.state_dict().items():
        torch.testing.assert_close(weight, merged[name], rtol=1e-4, atol=1e-5)
    assert any(
        not torch.equal(weight, merged[name])
        for name, weight in AutoModelForImageTextToText.from_pretrained(twin).state_dict().items()
    )


def test_each_model_that_a_config_names_is_pinned():
    """A checkpoint holds adapters alone: they fit one commit of the base model."""
    settings = [yaml.safe_load(path.read_text())["model"] for path in CONFIG.glob("*.yaml")]
    named = {one["init_args"]["pretrained"] for one in settings if one["class_path"].endswith("VlmCaptioner")}
    assert len(named) == 3 and named <= REVISIONS.keys()
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for commit in REVISIONS.values())


@pytest.mark.parametrize("name", ["qwen3_vl_lora", "smolvlm_lora", "medgemma15_lora"])
def test_the_configs_are_those_of_a_model_that_is_not_here(workplace, capsys, name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["fit", "--config", str(CONFIG / f"{name}.yaml")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and ("huggingface" in error or "manifest" in error or "cannot be" in error)
