"""`seed_everything` decides all that is random in training; splits have a seed of their own."""

import shutil
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch

import hemblip
from hemblip.cli.main import main
from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.errors import DataError
from hemblip.run import Run

TINY = str(Path(__file__).parent / "conf" / "tiny.yaml")


def first_batches(seed, split_seed=0):
    L.seed_everything(seed)
    cells = InternalCells([Synthetic(60, size=32)], image_size=32, batch_size=8, seed=split_seed, cache="cache")
    cells.setup()
    loader = cells.train_dataloader()
    batches = [(batch["cell_ids"], batch["captions"], batch["images"].sum().item()) for batch in loader]
    return batches, dict(zip(cells.manifest["cell_id"], cells.manifest["split"], strict=True))


def test_order_augmentation_and_captions_follow_seed_everything_and_splits_do_not(workplace):
    (one, splits), (again, _), (other, others) = first_batches(1), first_batches(1), first_batches(2)
    assert one == again
    assert [ids for ids, _, _ in one] != [ids for ids, _, _ in other] and splits == others
    seen = {cell: caption for ids, captions, _ in one for cell, caption in zip(ids, captions, strict=True)}
    drawn = {cell: caption for ids, captions, _ in other for cell, caption in zip(ids, captions, strict=True)}
    assert any(seen[cell] != drawn[cell] for cell in seen.keys() & drawn.keys())
    assert first_batches(1, split_seed=3)[1] != splits


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_two_seeds_are_two_captioners(workplace, adaptation):
    weights = []
    for version, seed in enumerate((0, 1, 1)):
        words = ["--seed_everything", str(seed), "--model.init_args.adaptation", adaptation]
        words += ["--trainer.max_epochs", "1", "--data.init_args.limit", "16"]
        assert main(["fit", "--config", TINY, *words]) == 0
        weights.append(torch.load(f"runs/tiny/version_{version}/checkpoints/best.ckpt")["state_dict"])
    first, second, third = weights
    trained = [name for name, value in first.items() if value.is_floating_point() and value.abs().sum() > 0]
    assert not all(torch.equal(first[name], second[name]) for name in trained)
    assert all(torch.equal(second[name], third[name]) for name in trained)
    runs = [Run(f"runs/tiny/version_{version}") for version in range(3)]
    assert runs[0].is_seed_of(runs[1]) and not runs[1].is_seed_of(runs[2])


@pytest.mark.slow
def test_runs_that_differ_in_the_seed_of_their_splits_are_seeds_too(workplace):
    """Each has test cells of its own: scores are the mean over both sets, and so are the baselines'."""
    for version, seed in enumerate((5, 0)):
        words = ["--data.init_args.seed", str(seed), "--trainer.max_epochs", "1", "--data.init_args.limit", "16"]
        assert main(["fit", "--config", TINY, *words]) == 0
        assert main(["test", "--run", f"runs/tiny/version_{version}"]) == 0
    shutil.copytree("runs/tiny", "runs/twin")
    one, other = Run("runs/tiny/version_0"), Run("runs/tiny/version_1")
    assert one.is_seed_of(other) and set(one.predictions("test")["cell_id"]) != set(
        other.predictions("test")["cell_id"]
    )
    runs = [one.folder, other.folder, *sorted(Path("runs/twin").iterdir(), reverse=True)]
    table = hemblip.compare(runs, output="both")
    assert list(table.index[:2]) == ["tiny (2 seeds)", "twin (2 seeds)"] and "majority value" in table.index
    bleu = [Run(run.folder).scores["test"]["model"]["bleu"] for run in (one, other)]
    first, second = (table.loc[name, "Internal BLEU"] for name in table.index[:2])
    assert first == second and first.startswith(f"{np.mean(bleu):.3f}")
    assert "scores are the mean over these sets of cells" in Path("both/report.html").read_text()
    with pytest.raises(DataError, match=r"describe different test cells .* same seeds"):
        hemblip.compare([*runs[:3]])


def test_a_crop_is_no_seed(workplace):
    for version, crop in enumerate((1.0, 0.5)):
        folder = workplace / f"runs/x/version_{version}"
        folder.mkdir(parents=True)
        data = f"{{init_args: {{seed: {version}, crop: {crop}}}}}"
        (folder / "config.yaml").write_text(f"seed_everything: 0\ndata: {data}\n")
    assert not Run("runs/x/version_0").is_seed_of(Run("runs/x/version_1"))
