"""What captioners share: optimiser, checkpoints, what is frozen, losses that are not finite."""

import itertools
import math
from types import SimpleNamespace

import lightning as L
import pandas as pd
import pytest
import torch
from forked import trainer_on
from tiny_blip import CAPTIONS, tiny

from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.errors import CheckpointError, ConfigError, TrainingError
from hemblip.models.adapters import add_adapters, merge_adapters
from hemblip.models.checkpoints import load_weights
from hemblip.models.trainable_parameters import trainable_parameters


class Cells(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return {"images": images, "captions": CAPTIONS, "cell_ids": [f"{index}{letter}" for letter in "abc"]}


def fit(captioner, folder, steps=2, data=None, checkpoint=None, **settings):
    trainer = L.Trainer(
        default_root_dir=folder,
        max_steps=steps,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **{"logger": False, **settings},
    )
    loader = torch.utils.data.DataLoader(data or Cells(), batch_size=None)
    trainer.fit(captioner, loader, ckpt_path=checkpoint, weights_only=True)
    return trainer


@pytest.fixture
def lora(tmp_path):
    captioner = tiny(adaptation="lora", learning_rate=1e-2, train_last_layers=1)
    path = tmp_path / "lora.ckpt"
    fit(captioner, tmp_path).save_checkpoint(path)
    return captioner, path


def test_lora_checkpoint_holds_what_trains_and_restores_it(lora):
    captioner, path = lora
    checkpoint = torch.load(path, weights_only=True)
    trained = {name: p for name, p in captioner.named_parameters() if p.requires_grad}
    assert checkpoint["state_dict"].keys() == trained.keys()
    assert checkpoint["hemblip"] == {
        "captioner": "BlipCaptioner",
        "pretrained": "compact",
        "revision": captioner.revision,
        "adaptation": "lora",
    }
    # Weights and AdamW's two moments of what trains, and little else.
    assert path.stat().st_size < 1.3 * 3 * 4 * sum(p.numel() for p in trained.values()) + 100_000
    restored = tiny(adaptation="lora", train_last_layers=1)
    load_weights(restored, path)
    assert all(torch.equal(value, restored.state_dict()[name]) for name, value in captioner.state_dict().items())


def test_full_checkpoint_holds_all_weights(tmp_path):
    captioner = tiny()
    fit(captioner, tmp_path).save_checkpoint(tmp_path / "full.ckpt")
    torch.manual_seed(1)
    restored = tiny()
    load_weights(restored, tmp_path / "full.ckpt")
    assert all(torch.equal(value, restored.state_dict()[name]) for name, value in captioner.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"adaptation": "full"}, r"adaptation 'lora'.*'full'"),
        ({"adaptation": "lora", "train_last_layers": 0}, "has 26 that it does not know"),
        ({"adaptation": "lora", "train_last_layers": 2}, "lacks 26 of the model's weights"),
        ({"adaptation": "lora", "train_last_layers": 1, "lora_rank": 4}, r"lora_A.*\(8, 32\) in the checkpoint"),
    ],
)
def test_checkpoint_of_other_settings_is_refused(lora, settings, says):
    with pytest.raises(CheckpointError, match=says):
        load_weights(tiny(**settings), lora[1])


def test_checkpoint_of_another_base_model_is_refused(lora):
    other = tiny(adaptation="lora", train_last_layers=1)
    other.revision = "0" * 12
    with pytest.raises(CheckpointError, match=r"lora\.ckpt.*revision '\w+', the config asks for '000000000000'"):
        load_weights(other, lora[1])


def test_torn_and_missing_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_weights(tiny(), tmp_path / "absent.ckpt")
    (tmp_path / "torn.ckpt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load_weights(tiny(), tmp_path / "torn.ckpt")


def test_frozen_parts_stay_as_they_are(tmp_path):
    captioner = tiny(adaptation="lora")
    before = {name: value.clone() for name, value in captioner.model.vision_model.state_dict().items()}
    fit(captioner, tmp_path)
    after = captioner.model.vision_model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())  # batch norms' means too


def test_run_fails_if_a_frozen_part_would_train(tmp_path):
    captioner = tiny(adaptation="lora")
    captioner.model.vision_model.post_layernorm.weight.requires_grad_(True)
    with pytest.raises(TrainingError, match=r"frozen parts would train, first: model\.vision_model\.post_layernorm"):
        fit(captioner, tmp_path)


def test_run_fails_if_a_frozen_part_changes(tmp_path):
    captioner = tiny(adaptation="lora")
    norm = captioner.model.vision_model.embeddings.patch_embedding[1]

    def learn(module, *_):
        module.running_mean.add_(1)

    norm.register_forward_hook(learn)
    with pytest.raises(TrainingError, match=r"running_mean is frozen but changed in epoch 0"):
        fit(captioner, tmp_path, steps=-1, max_epochs=1)


def test_adapters_that_match_nothing():
    with pytest.raises(ConfigError, match="adapters match no layer"):
        add_adapters(tiny().model, r"encoder\.nothing", 8, 16, 0.0, [])


def test_table_counts_each_parameter_once_and_is_stored_with_the_run(tmp_path):
    captioner = tiny(adaptation="lora")
    table = trainable_parameters(captioner).set_index("module")
    assert table.loc["total", "parameters"] == sum(p.numel() for p in captioner.parameters())
    assert table.loc["total", "trained"] == sum(p.numel() for p in captioner.parameters() if p.requires_grad)
    assert table.loc["vision_model.encoder.layers", "trained"] == 0
    assert 0 < table.loc["total", "adapters"] < table.loc["total", "trained"]
    fit(captioner, tmp_path, logger=L.pytorch.loggers.CSVLogger(tmp_path))
    assert pd.read_csv(tmp_path / "trainable_parameters.csv").shape == (len(table), 5)


def test_merging_keeps_logits_and_takes_adapters_out(lora):
    captioner, _ = lora
    batch = Cells()[0]
    captioner.eval()
    before = captioner.loss_per_cell(batch)[0]
    assert merge_adapters(captioner.model) == 24
    assert not [name for name in captioner.state_dict() if "lora_" in name or "base_layer" in name]
    assert torch.allclose(before, captioner.loss_per_cell(batch)[0], rtol=1e-4)


def test_loss_that_is_not_finite_names_its_cells(tmp_path):
    captioner = tiny()
    with torch.no_grad():
        captioner.model.text_decoder.cls.predictions.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan in step 0 on cells 0a, 0b, 0c; lower"):
        fit(captioner, tmp_path)


class Uneven(Cells):
    """Batches of given sizes; captions differ in length."""

    def __init__(self, sizes):
        pairs = [(index, cell) for index in range(4) for cell in range(3)][: sum(sizes)]
        ends = list(itertools.accumulate(sizes, initial=0))
        self.batches = [pairs[start:end] for start, end in itertools.pairwise(ends)]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        cells = [(super(Uneven, self).__getitem__(row), cell) for row, cell in self.batches[index]]
        return {
            "images": torch.stack([row["images"][cell] for row, cell in cells]),
            "captions": [row["captions"][cell] for row, cell in cells],
            "cell_ids": [row["cell_ids"][cell] for row, cell in cells],
        }


class Gradients(L.Callback):
    """Keeps what the optimiser gets, unclipped, and what is logged."""

    def __init__(self):
        self.seen, self.losses = [], []

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        gradients = [p.grad.clone() for p in pl_module.parameters() if p.grad is not None]
        if gradients:
            self.seen.append(gradients)

    def on_train_batch_end(self, trainer, *_):
        self.losses.append(float(trainer.callback_metrics["train_loss"]))


def gradients(folder, sizes, accumulate, clip=None):
    captioner = tiny(adaptation="lora", lora_dropout=0.0, train_embeddings=True, learning_rate=1e-9)
    for module in captioner.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    kept = Gradients()
    settings = {"accumulate_grad_batches": accumulate, "gradient_clip_val": clip, "callbacks": [kept]}
    fit(captioner, folder, steps=-1, max_epochs=1, data=Uneven(sizes), **settings)
    last = [p.grad.clone() for p in captioner.parameters() if p.grad is not None]
    return [*kept.seen, last], kept.losses


@pytest.mark.parametrize("clip", [None, 0.01])
def test_accumulated_batches_are_one_step_over_their_tokens(tmp_path, clip):
    """Eight cells and a rest of four: as whole batches, and as batches of several sizes."""
    whole, losses = gradients(tmp_path, [8, 4], 1, clip)
    parts, running = gradients(tmp_path, [1, 3, 2, 2, 4], 4, clip)  # the last step has one batch of the four
    assert len(whole) == len(parts) == 2
    assert [running[3], running[4]] == pytest.approx(losses, rel=1e-5)
    for one, other in zip(whole, parts, strict=True):
        for expected, gradient in zip(one, other, strict=True):
            assert torch.allclose(expected, gradient, rtol=1e-3, atol=1e-6 * float(expected.abs().max()) + 1e-9)
        if clip:
            assert torch.stack([g.norm() for g in other]).norm() == pytest.approx(clip, rel=1e-3)


def test_validation_loss_that_is_not_finite_names_its_cells(tmp_path, monkeypatch):
    captioner = tiny()
    monkeypatch.setattr(captioner, "loss_per_cell", lambda _: (torch.tensor([1, math.inf, 2]), torch.ones(3)))
    trainer = L.Trainer(default_root_dir=tmp_path, accelerator="cpu", logger=False, enable_progress_bar=False)
    with pytest.raises(TrainingError, match=r"the loss is not finite on cells 0b; check"):
        trainer.validate(captioner, torch.utils.data.DataLoader(Cells(), batch_size=None))


class Rates(L.Callback):
    """Keeps the learning rate of each step, leaves the weights as they are, and saves and stops after some step."""

    def __init__(self, stop_after=None):
        self.stop_after, self.seen = stop_after, []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.append(optimizer.param_groups[0]["lr"])
        for parameter in pl_module.parameters():
            parameter.grad = None

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.stop_after:
            trainer.save_checkpoint(f"{trainer.default_root_dir}/stopped.ckpt")
            trainer.should_stop = True


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("constant", [0.5, 1, 1, 1]), ("linear", [0.5, 1, 2 / 3, 1 / 3]), ("cosine", [0.5, 1, 0.75, 0.25])],
)
def test_warm_up_and_schedule(tmp_path, schedule, rates):
    kept = Rates()
    fit(tiny(learning_rate=1.0, warmup=0.25, schedule=schedule), tmp_path, steps=4, callbacks=[kept])
    assert kept.seen == pytest.approx(rates)


@pytest.mark.parametrize("accumulate", [2, 3])  # the last step of an epoch has one batch of the three
@pytest.mark.parametrize("stop_after", [None, 1, 2, 4, 5])
def test_schedule_counts_steps_of_accumulated_batches_and_goes_on(tmp_path, accumulate, stop_after):
    """Four batches an epoch: two steps. Stopped in the warm-up, between epochs, or within the fall."""
    runs = [Rates(stop_after), Rates()] if stop_after else [Rates()]
    for kept in runs:
        captioner = tiny(learning_rate=1.0, warmup=0.5, schedule="cosine")
        settings = {"max_epochs": 3, "accumulate_grad_batches": accumulate, "callbacks": [kept]}
        stopped = tmp_path / "stopped.ckpt"
        fit(captioner, tmp_path, steps=-1, checkpoint=stopped if stopped.exists() else None, **settings)
    assert stop_after is None or len(runs[0].seen) == stop_after
    assert list(itertools.chain(*(kept.seen for kept in runs))) == pytest.approx([0.25, 0.5, 0.75, 1, 0.75, 0.25])


def test_training_without_end_has_no_schedule(tmp_path):
    with pytest.raises(ConfigError, match=r"trainer\.max_epochs is -1, but .*warmup 0\.1 and schedule 'constant' take"):
        fit(tiny(warmup=0.1), tmp_path, steps=-1, max_epochs=-1)
    kept = Rates(stop_after=5)
    fit(tiny(learning_rate=0.5), tmp_path, steps=-1, max_epochs=-1, callbacks=[kept])
    assert kept.seen == [0.5] * 5


def test_norms_and_biases_have_no_weight_decay(tmp_path):
    captioner = tiny(weight_decay=0.3)
    decayed, kept = fit(captioner, tmp_path, steps=1).optimizers[0].param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert all(p.ndim >= 2 for p in decayed["params"]) and all(p.ndim < 2 for p in kept["params"])


def test_gradients_are_those_of_the_mean_over_tokens_of_all_ranks_and_batches():
    """Lightning divides by the batches of a step, DDP by the ranks."""
    captioner = tiny()
    captioner._trainer = SimpleNamespace(accumulate_grad_batches=3, world_size=2)
    captioner._step_loss = (5.0, 12.0)
    weight = next(captioner.parameters())
    weight.grad = torch.ones_like(weight)
    captioner.on_before_optimizer_step(None)
    assert torch.allclose(weight.grad, torch.full_like(weight, 3 * 2 / 12)) and captioner._step_loss == (0.0, 0.0)


def test_the_evaluated_loss_is_the_mean_over_tokens(monkeypatch):
    captioner, logged = tiny(), {}
    monkeypatch.setattr(captioner, "log", lambda name, value, **_: logged.update({name: value}))
    captioner.loss_sums.add([(2.0, 4), (1.0, 2)])
    captioner._log_loss("val_loss")
    assert logged == {"val_loss": 0.5} and not captioner.loss_sums.tokens


def test_the_evaluated_loss_of_two_ranks_is_that_of_one_to_the_last_bit(workplace):
    """Three batches on two ranks; one batch on two ranks, of which the second reads it again."""
    for limit, captioner in ((12, tiny()), (4, tiny())):
        losses = []
        for devices in (1, 2):
            cells = InternalCells([Synthetic(cells=60, size=32)], 32, batch_size=4, limit=limit, cache="cache")
            losses.append(trainer_on(devices).test(captioner, cells)[0]["test_loss"])
        assert losses[0] == losses[1] > 0
