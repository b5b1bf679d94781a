"""Backbones of timm, against a stand-in with its interface: timm needs a torchvision, and tests have none that fits."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hemblip.errors import ConfigError, ModelAccessError
from hemblip.probing import TimmEncoder
from hemblip.probing.figure import plane


class Vit(nn.Module):
    """Patches, positions and a mean; its positions depend on the size of images."""

    def __init__(self, img_size=32):
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 8, 8)
        self.positions = nn.Parameter(torch.randn(1, (img_size // 8) ** 2, 6))

    def forward(self, images):
        return (self.patches(images).flatten(2).transpose(1, 2) + self.positions).mean(1)


class Cnn(nn.Module):
    """Takes any size, and no `img_size`, as timm's ResNet."""

    def __init__(self):
        super().__init__()
        self.filters = nn.Conv2d(3, 5, 3)

    def forward(self, images):
        return self.filters(images).mean((2, 3))


def create_model(name, pretrained=False, num_classes=1000, pretrained_cfg_overlay=None, **settings):
    """As timm 1.0.31: without classes the weights of a file need not fit, and a warning is all that says so."""
    if name not in ("vit", "cnn"):
        raise RuntimeError(f"Unknown model ({name})")
    network = {"vit": Vit, "cnn": Cnn}[name](**settings)
    if pretrained:
        if pretrained_cfg_overlay is None:
            raise OSError("cannot reach the hub")
        network.load_state_dict(pretrained_cfg_overlay["state_dict"], strict=False)
    network.pretrained_cfg = {"input_size": (3, 32, 32)}
    return network


@pytest.fixture(autouse=True)
def timm(monkeypatch):
    config = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2), "input_size": (3, 32, 32)}
    made = SimpleNamespace(
        create_model=create_model, data=SimpleNamespace(resolve_model_data_config=lambda network: config)
    )
    monkeypatch.setitem(sys.modules, "timm", made)
    torch.manual_seed(1)  # 0 draws the weights that stand for what was not loaded


def saved(network, path):
    torch.save(network.state_dict(), path)
    return str(path)


def test_features_are_those_of_the_weights_on_normalised_images(tmp_path):
    network = Vit()
    encoder = TimmEncoder("vit", saved(network, tmp_path / "w.pth"), name="DINO")
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    mean = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)
    expected = network((images / 255 - mean) / 0.2)
    assert (encoder.name, encoder.image_size) == ("DINO", 32)
    torch.testing.assert_close(encoder.embed(images), expected.detach())


def test_a_training_checkpoint_of_dino_is_read_by_its_encoder(tmp_path):
    """The teacher's backbone among heads, as DinoBloom is published; the student is another network."""
    network = Vit()
    backbone = {f"backbone.{name}": weight for name, weight in network.state_dict().items()}
    teacher = {**backbone, "dino_head.mlp.0.weight": torch.zeros(2, 2)}
    torch.save({"teacher": teacher, "student": Vit().state_dict()}, tmp_path / "bloom.pth")
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    plain = TimmEncoder("vit", saved(network, tmp_path / "w.pth"))
    torch.testing.assert_close(TimmEncoder("vit", str(tmp_path / "bloom.pth")).embed(images), plain.embed(images))


@pytest.mark.parametrize(("model", "network"), [("vit", Vit(16)), ("cnn", Cnn())])
def test_images_may_have_another_size(tmp_path, model, network):
    encoder = TimmEncoder(model, saved(network, tmp_path / "w.pth"), image_size=16)
    assert encoder.image_size == 16
    assert len(encoder.embed(torch.zeros(2, 3, 40, 40, dtype=torch.uint8))) == 2


def test_weights_that_do_not_do_are_said_in_one_line(tmp_path):
    (tmp_path / "damaged.pth").write_bytes(b"nonsense" * 10)
    with pytest.raises(ConfigError, match="no file"):
        TimmEncoder("vit", str(tmp_path / "none.pth"))
    with pytest.raises(ModelAccessError, match=r"damaged\.pth cannot be loaded") as error:
        TimmEncoder("vit", str(tmp_path / "damaged.pth"))
    assert "\n" not in str(error.value)
    with pytest.raises(ModelAccessError, match=r"lack (patches.weight|positions), which would stay random"):
        TimmEncoder("vit", saved(Cnn(), tmp_path / "other.pth"))
    with pytest.raises(ModelAccessError, match="connect once"):
        TimmEncoder("vit")
    with pytest.raises(ModelAccessError, match="Unknown model"):
        TimmEncoder("nothing")


def test_what_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"hemblip\[probing\]"):
        TimmEncoder("vit")
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigError, match="umap-learn"):
        plane(torch.zeros(5, 3).numpy(), "umap", 0)


def test_a_torchvision_of_another_torch_is_said(monkeypatch, tmp_path):
    """As one built for GPUs beside a torch for CPUs: timm is there, and cannot be imported."""
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "timm")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"nms does not exist\); install the torchvision that was built for torch 2"):
        TimmEncoder("vit")
