"""Training MedGEMMA: checkpoints hold what trained, frozen parts stay frozen, settings come from the config only."""

import lightning as L
import pytest
import torch
from transformers.quantizers.quantizers_utils import should_convert_module

from hemblip.errors import CheckpointError, ConfigError, TrainingError
from hemblip.models.adapters import add_adapters
from hemblip.models.checkpoints import load_weights
from hemblip.models.gemma_weights import quantized
from hemblip.models.medgemma import MedGemmaCaptioner

CAPTIONS = ["A small lymphocyte.", "A large monocyte with open chromatin."]


class Cells(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        images = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8, generator=generator)
        return {"images": images, "captions": CAPTIONS, "cell_ids": [f"{index}a", f"{index}b"]}


def lora(**settings):
    return MedGemmaCaptioner("compact", adaptation="lora", **{"train_last_layers": 1, "learning_rate": 1e-2} | settings)


def fit(captioner, folder):
    trainer = L.Trainer(
        default_root_dir=folder,
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(captioner, torch.utils.data.DataLoader(Cells(), batch_size=None))
    return trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    captioner = lora()
    fit(captioner, folder).save_checkpoint(folder / "best.ckpt", weights_only=True)
    return captioner, folder / "best.ckpt"


@pytest.mark.parametrize(("layers", "head"), [(0, False), (1, False), (1, True)])
def test_checkpoint_holds_what_trained_and_little_else(tmp_path, layers, head):
    captioner = lora(train_last_layers=layers, train_head=head)
    fit(captioner, tmp_path).save_checkpoint(tmp_path / "best.ckpt", weights_only=True)
    trained = {name: p for name, p in captioner.named_parameters() if p.requires_grad}
    checkpoint = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert checkpoint["state_dict"].keys() == trained.keys()
    size = 4 * sum(parameter.numel() for parameter in trained.values())
    assert size < (tmp_path / "best.ckpt").stat().st_size < 1.1 * size + 50_000
    everything = 4 * sum(parameter.numel() for parameter in captioner.parameters())
    assert size < (0.1 if not layers else 0.5) * everything


def test_checkpoint_restores_the_trained_captioner(trained):
    captioner, path = trained
    restored = lora(learning_rate=0.5)
    load_weights(restored, path)
    weights = restored.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in captioner.state_dict().items())
    assert restored.learning_rate == 0.5  # the checkpoint has no settings to put in its place
    assert "hyper_parameters" not in torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (lambda: lora(train_last_layers=0), "that it does not know"),
        (lambda: lora(train_last_layers=2), "lacks"),
        (lambda: lora(lora_rank=2), r"lora_A.*in the checkpoint but"),
        (lambda: MedGemmaCaptioner("compact", adaptation="full"), "'lora'.*'full'"),
    ],
)
def test_settings_that_do_not_fit_the_checkpoint_are_refused(trained, other, says):
    with pytest.raises(CheckpointError, match=says):
        load_weights(other(), trained[1])


def test_another_base_model_is_refused(trained):
    captioner = lora()
    captioner.revision = "another"
    with pytest.raises(CheckpointError, match="revision"):
        load_weights(captioner, trained[1])


@pytest.mark.parametrize("part", ["vision_tower", "multi_modal_projector"])
def test_a_run_in_which_a_frozen_part_would_train_fails(tmp_path, part):
    captioner = lora()
    getattr(captioner.model.model, part).requires_grad_(True)
    with pytest.raises(TrainingError, match=f"frozen parts would train.*{part}"):
        fit(captioner, tmp_path)


def test_adapters_that_match_nothing_are_refused():
    model = MedGemmaCaptioner("compact", adaptation="base").model
    with pytest.raises(ConfigError, match="adapters match no layer"):
        add_adapters(model, r"language_model\.absent\.q_proj", 8, 16, 0.0, [])


def test_training_moves_the_language_model_only(trained):
    captioner, before = trained[0], lora()
    changed = {name for name, p in captioner.named_parameters() if not torch.equal(p, before.get_parameter(name))}
    assert changed and not [name for name in changed if "vision" in name or "projector" in name]


@pytest.mark.parametrize("whole", [0, 1])
def test_four_bits_are_for_the_frozen_language_model_only(whole):
    """The library compares names from their start: `vision_tower` alone would spare nothing."""
    model = MedGemmaCaptioner("compact", adaptation="base").model
    spared = quantized(model.config, whole)["quantization_config"].llm_int8_skip_modules
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    packed = {name for name in linear if should_convert_module(name, spared)}
    layers = [f"model.language_model.layers.{layer}." for layer in range(2 - whole)]
    assert packed == {name for name in linear if name.startswith(tuple(layers))} and packed


def test_four_bits_need_a_gpu():
    with pytest.raises(ConfigError, match=r"needs (a GPU|bitsandbytes)"):
        MedGemmaCaptioner("folder", quantize_4bit=True)
    with pytest.raises(ConfigError, match="does not go with pretrained: compact"):
        MedGemmaCaptioner("compact", quantize_4bit=True)
