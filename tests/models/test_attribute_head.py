"""Attributes said from the patches, a second task of training."""

import pytest
import torch
from test_captioner import Cells, fit
from tiny_blip import tiny

from hemblip.errors import ConfigError
from hemblip.models.attribute_head import AttributeHead
from hemblip.models.checkpoints import load_weights
from hemblip.models.rewards import Rewards
from hemblip.morphology import KEYS, SCHEMA

ANNOTATIONS = [{"cell_type": "monocyte", "cell_size": "large"}, {"cell_type": "lymphocyte"}, {}]


class Annotated(Cells):
    def __getitem__(self, index):
        return {**super().__getitem__(index), "annotations": ANNOTATIONS}


def test_each_attribute_counts_alike_over_the_cells_that_have_it():
    torch.manual_seed(0)
    head, patches = AttributeHead(4), torch.randn(3, 5, 4)
    scores = patches.mean(1) @ head.weight[:, :4].T + patches.max(1).values @ head.weight[:, 4:].T + head.bias
    expected = 0.0
    for key, values in SCHEMA.items():
        start = sum(len(SCHEMA[before]) for before in KEYS[: KEYS.index(key)])
        logs = [
            float(scores.detach()[row, start : start + len(values)].log_softmax(0)[values.index(annotation[key])])
            for row, annotation in enumerate(ANNOTATIONS)
            if key in annotation
        ]
        expected -= sum(logs) / len(logs) if logs else 0
    assert head.loss(patches, ANNOTATIONS).item() == pytest.approx(expected)
    assert head.loss(patches, [{}, {}, {}]) == 0


def gradients(batch, **settings):
    """Gradients of one training step of a captioner, by name."""
    captioner, found = tiny(**settings), {}

    def keep(optimizer):
        found.update(
            {name: weight.grad.clone() for name, weight in captioner.named_parameters() if weight.grad is not None}
        )

    captioner.on_before_optimizer_step = keep
    fit(captioner, None, steps=1, data=[batch])
    return found


@pytest.mark.parametrize("rewards", [None, Rewards(samples=1)])
def test_it_adds_to_the_loss_of_captions_by_its_weight(rewards):
    plain, once, twice = (
        gradients(Annotated()[0], attribute_loss=weight, rewards=rewards) for weight in (0.0, 1.0, 2.0)
    )
    assert once.keys() - plain.keys() == {"attribute_head.weight", "attribute_head.bias"}
    for name, gradient in plain.items():
        assert torch.allclose(twice[name] - gradient, 2 * (once[name] - gradient), atol=1e-4), name
    stem = "model.vision_model.embeddings.patch_embedding.0.weight"
    assert not torch.allclose(once[stem], plain[stem], atol=1e-3)


def test_reported_losses_stay_those_of_captions(tmp_path):
    plain, both = (fit(tiny(attribute_loss=weight), tmp_path, steps=1, data=Annotated()) for weight in (0.0, 3.0))
    assert plain.callback_metrics["train_loss"] == both.callback_metrics["train_loss"]
    assert both.callback_metrics["train_attribute_loss"] > 0


def test_a_checkpoint_brings_the_head_back(tmp_path):
    captioner = tiny(attribute_loss=1.0)
    fit(captioner, tmp_path, data=Annotated()).save_checkpoint(tmp_path / "one.ckpt")
    restored = tiny(attribute_loss=1.0)
    load_weights(restored, tmp_path / "one.ckpt")
    assert torch.equal(restored.attribute_head.weight, captioner.attribute_head.weight)


def test_what_cannot_work_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="adaptation: lora freezes; set it to 0"):
        tiny(adaptation="lora", attribute_loss=1.0)
    with pytest.raises(ConfigError, match="attribute_loss is -1"):
        tiny(attribute_loss=-1)
    with pytest.raises(ConfigError, match="attribute_loss: these cells have no annotations"):
        fit(tiny(attribute_loss=1.0), tmp_path, data=Cells())
