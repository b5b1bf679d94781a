"""Each config that trains or tests runs end to end on drawn cells, its published weights replaced by a tiny twin."""

from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from models.vlm_twins import SIDE, written

from hemblip import load
from hemblip.cli.main import main
from hemblip.export.export import write_model
from hemblip.models import MedGemmaCaptioner
from hemblip.run import Run

CONFIGS = Path(__file__).parents[1] / "configs"
TWINS = {"qwen3_vl_lora": "qwen3", "smolvlm_lora": "smolvlm", "medgemma15_lora": "gemma"}
TINY = {"image_size": 32, "stem": [8, 16, 16], "hidden_size": 32, "vision_layers": 1, "decoder_layers": 3, "heads": 2}
BY_NAME = {"api_zero_shot"}
"""What has no weights: tests/models/test_api.py runs it against a server."""

NAMES = sorted({path.stem for path in CONFIGS.glob("*.yaml")} - BY_NAME)
RELEASED = [f"released_code/{path.stem}" for path in sorted((CONFIGS / "released_code").glob("*.yaml"))]


def twin(name, folder):
    """The config with the smallest model of its class and a handful of cells; all else as it is."""
    path = CONFIGS / f"{name}.yaml"
    config = yaml.safe_load(path.read_text())
    model, data = config["model"]["init_args"], config["data"]["init_args"]
    model["decoding"] = {"num_beams": 2 if model.get("decoding") == "parts/decoding.yaml" else 1, "max_new_tokens": 4}
    kind, size = config["model"]["class_path"].rpartition(".")[2], 32
    if kind == "VlmCaptioner":
        model["pretrained"], size = written(TWINS[name], folder), SIDE
        model["image_size"] = size
        model.pop("revision", None)
    elif kind == "MedGemmaCaptioner":
        model["pretrained"], size = "compact", 96
        model.pop("quantize_4bit", None)
        if model.get("adaptation") == "base":  # published weights are loaded from a folder
            model["pretrained"] = str(folder / "published")
            write_model(MedGemmaCaptioner("compact", adaptation="full"), folder / "published")
    else:
        model["pretrained"], model["compact"] = "compact", TINY
    if "vision" in model:
        timm = pytest.importorskip("timm")
        encoder, settings = "vit_tiny_patch16_224", {"img_size": size}
        torch.save(
            timm.create_model(encoder, pretrained=False, num_classes=0, **settings).state_dict(), folder / "own.pth"
        )
        model["vision"] = {"timm": encoder, "weights": str(folder / "own.pth"), "image_size": size}
    source = {"class_path": "hemblip.data.sources.Synthetic", "init_args": {"cells": 60, "size": 32}}
    data |= {"sources": [source], "image_size": size, "batch_size": 2, "num_workers": 0, "limit": 4, "cache": "cache"}
    config["trainer"] = (config.get("trainer") or {}) | {"accelerator": "cpu", "max_epochs": 1, "precision": "32-true"}
    config["trainer"] |= {"check_val_every_n_epoch": 1, "limit_train_batches": 4, "enable_progress_bar": False}
    config["trainer"].pop("devices", None)
    config["evaluation"], config["report"] = {"validation_cells": 2}, {"maps": 0}
    target = folder / "twin.yaml"
    target.write_text(yaml.safe_dump(config))
    return ["--config", str(target)], config["name"], model.get("adaptation") == "base"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *RELEASED])
def test_the_config_fits_tests_predicts_and_exports(workplace, name):
    words, run, untrained = twin(name, workplace)
    folder = f"runs/{run}/version_0"
    if not untrained:
        assert main(["fit", *words]) == 0
        assert main(["test", "--run", folder]) == 0
    else:
        assert main(["test", *words]) == 0
    rows = Run(folder).predictions("test")
    pictures = workplace / "pictures"
    pictures.mkdir()
    for place, image in enumerate(rows["image"][:2]):
        (pictures / f"{place}.png").write_bytes(Path(image).read_bytes())
    assert main(["predict", "--run", folder, "--images", str(pictures), "--output", "told.parquet"]) == 0
    told = pd.read_parquet("told.parquet")["caption"].tolist()
    assert told == rows["caption"].tolist()[:2]
    assert main(["export", "--run", folder, "--output", "exported"]) == 0
    again = load("exported", device="cpu").describe(sorted(pictures.iterdir()))
    assert [one.caption for one in again] == told


def test_no_config_is_left_out():
    assert len(NAMES) >= 14 and len(RELEASED) == 3
