"""The command as a whole, on drawn cells: the colour tells the type, the brightness the diagnosis."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from finished_run import finished_run
from PIL import Image

from hemblip.data import ExternalCells, InternalCells
from hemblip.data.records import manifest_table
from hemblip.data.sources import Source
from hemblip.errors import CheckpointError, ConfigError
from hemblip.models import BlipCaptioner, MedGemmaCaptioner
from hemblip.probing import RandomProjection, VisionEncoder
from hemblip.probing.heads import HEADS
from hemblip.probing.probe import probe

TYPES = {"neutrophil": (200, 120, 160), "lymphocyte": (110, 90, 200), "monocyte": (120, 180, 140)}
DIAGNOSES = {"healthy": 1.0, "ALL": 0.7, "CML": 0.45}


class Drawn(Source):
    name = "drawn"

    def __init__(self, folder, cells=90, seed=0):
        self.folder, self.cells, self.seed = folder, cells, seed

    def records(self):
        random = np.random.default_rng(self.seed)
        rows = []
        for number in range(self.cells):
            cell_type, diagnosis = random.choice(list(TYPES)), random.choice(list(DIAGNOSES))
            colour = np.array(TYPES[cell_type]) * DIAGNOSES[diagnosis]
            pixels = np.clip(colour + random.normal(0, 12, (32, 32, 3)), 0, 255).astype(np.uint8)
            path = self.folder / f"{self.seed}_{number}.png"
            Image.fromarray(pixels).save(path)
            row = {
                "cell_id": f"{self.seed}/{number}",
                "image": str(path),
                "source": self.name,
                "group": f"p{number % 9}",
            }
            rows.append({**row, "cell_type": cell_type, "diagnosis": diagnosis})
        return manifest_table(rows, self.name)


@pytest.fixture
def cells(tmp_path, monkeypatch):
    monkeypatch.setenv("HEMBLIP_RUNS", str(tmp_path / "runs"))
    settings = {"image_size": 32, "cache": str(tmp_path / "decoded")}
    internal = InternalCells([Drawn(tmp_path)], **settings)
    external = ExternalCells([Drawn(tmp_path, 24, seed=1)], **settings)
    return {"internal": internal, "external": external, "cache": str(tmp_path / "emb")}


def test_table_details_and_maps_are_written(cells, tmp_path, capsys):
    backbones = [RandomProjection(width=32, image_size=16), VisionEncoder("Gemma", MedGemmaCaptioner("compact"))]
    probe(backbones=backbones, **cells)
    folder = tmp_path / "runs" / "probe" / "version_0"
    table = pd.read_csv(folder / "table3.csv")
    assert set(table["task"]) == {"subtype", "subtype_or_healthy", "cell_type"}
    assert len(table) == 3 * (1 + 2 * len(HEADS))
    best = table[(table["task"] == "cell_type") & (table["head"] == "linear")]
    assert best["internal_accuracy"].min() > 0.8
    assert not table.isna().any().any()
    details = json.loads((folder / "probe.json").read_text())
    found = details["details"]["cell_type/Gemma/cosine"]
    assert found["external"]["classes"]["monocyte"]["test_cells"] > 0 and found["seconds"] < 30
    assert sorted(path.name for path in folder.glob("*.png")) == [
        "map_cell_type.png",
        "map_subtype.png",
        "map_subtype_or_healthy.png",
    ]
    told = capsys.readouterr().out
    assert "Majority" in told and "\nknn: a vote of the nearest training cells" in told


def test_runs_do_not_overwrite_each_other_and_are_the_same(cells, tmp_path):
    for _ in range(2):
        probe(backbones=[RandomProjection(width=8, image_size=8)], tasks=["cell_type"], figure="none", **cells)
    first, second = (tmp_path / "runs" / "probe" / f"version_{number}" / "table3.csv" for number in (0, 1))
    assert first.read_text() == second.read_text()


def test_a_failure_leaves_no_version_that_looks_like_a_run(cells, tmp_path):
    class Broken(RandomProjection):
        def encode(self, images):
            raise ConfigError("out of memory")

    with pytest.raises(ConfigError):
        probe(backbones=[Broken(width=8, image_size=8)], **cells)
    assert not (tmp_path / "runs").exists()


def test_backbones_need_names_of_their_own(cells):
    with pytest.raises(ConfigError, match="two backbones"):
        probe(backbones=[RandomProjection(), RandomProjection(seed=1)], **cells)
    with pytest.raises(ConfigError, match="empty"):
        probe(backbones=[], **cells)


def test_vision_encoder_of_a_run_is_the_trained_one(tmp_path):
    torch.manual_seed(0)
    trained = BlipCaptioner("compact")
    with torch.no_grad():
        for parameter in trained.model.vision_model.parameters():
            parameter.add_(0.01)
    run = finished_run(tmp_path / "blip", trained, {"pretrained": "compact"})
    published = VisionEncoder("BLIP Base", BlipCaptioner("compact"))
    ours = VisionEncoder("HemBLIP", run=str(run))
    assert ours.key() == VisionEncoder("HemBLIP", trained).key() != published.key()
    with pytest.raises(CheckpointError, match="no such file or run"):
        VisionEncoder("absent", run=str(run / "none.ckpt"))
    with pytest.raises(ConfigError, match="either"):
        VisionEncoder("neither")
