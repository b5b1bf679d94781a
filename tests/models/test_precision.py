"""bfloat16 on a GPU, float32 on a CPU; what trains stays in float32; memory that runs out is told in one line."""

import lightning as L
import pytest
import torch
from test_medgemma_training import CAPTIONS, Cells, lora
from tiny_blip import tiny

from hemblip.cli.trainer import usual_precision
from hemblip.models import BlipCaptioner, MedGemmaCaptioner


@pytest.mark.parametrize(
    ("gpu", "accelerator", "expected"),
    [
        (True, "auto", "bf16-mixed"),
        (True, "gpu", "bf16-mixed"),
        (True, "cpu", "32-true"),
        (False, "auto", "32-true"),
    ],
)
def test_precision_follows_the_device(monkeypatch, gpu, accelerator, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert usual_precision(accelerator) == expected


class Describes(L.Callback):
    """Describes cells as the evaluation does: outside of Lightning's steps."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pl_module.eval()
        self.captions = pl_module.generate(batch)
        pl_module.train()


def trained(captioner, cells, folder, precision="bf16-mixed"):
    describes = Describes()
    trainer = L.Trainer(
        default_root_dir=folder,
        max_steps=1,
        accelerator="cpu",
        precision=precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[describes],
    )
    trainer.fit(captioner, torch.utils.data.DataLoader(cells, batch_size=None))
    return describes.captions


def as_loaded_on_a_gpu(captioner):
    for parameter in captioner.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    return captioner


@pytest.mark.parametrize(("precision", "frozen"), [("bf16-mixed", torch.bfloat16), ("32-true", torch.float32)])
def test_medgemma_with_frozen_weights_in_bfloat16_trains_and_describes(tmp_path, precision, frozen):
    captioner = as_loaded_on_a_gpu(lora(lora_dropout=0.0))
    before = {name: p.detach().clone() for name, p in captioner.named_parameters()}
    assert len(trained(captioner, Cells(), tmp_path, precision)) == len(CAPTIONS)
    assert {p.dtype for p in captioner.parameters() if not p.requires_grad} == {frozen}
    changed = [p for name, p in captioner.named_parameters() if not torch.equal(p, before[name].to(p.dtype))]
    assert changed and all(p.requires_grad and p.dtype == torch.float32 for p in changed)


def test_medgemma_as_published_is_tested_in_float32_if_asked(tmp_path):
    captioner = as_loaded_on_a_gpu(MedGemmaCaptioner("compact", adaptation="base"))
    quiet = {"logger": False, "enable_progress_bar": False, "default_root_dir": tmp_path}
    trainer = L.Trainer(accelerator="cpu", precision="32-true", **quiet)
    trainer.validate(captioner, torch.utils.data.DataLoader(Cells(), batch_size=None), verbose=False)
    assert captioner.model.dtype == torch.float32


def test_blip_computes_in_bfloat16_and_keeps_its_weights(tmp_path):
    captioner, kinds = tiny(), set()
    layer = captioner.model.text_decoder.bert.encoder.layer[0].output.dense
    layer.register_forward_hook(lambda *seen: kinds.add(seen[-1].dtype))
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    batch = {"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b"]}
    trained(captioner, [batch], tmp_path)
    assert kinds == {torch.bfloat16}
    assert {parameter.dtype for parameter in captioner.parameters()} == {torch.float32}


def test_memory_that_runs_out_is_told_in_one_line(workplace, monkeypatch, capsys, request):
    from hemblip.cli.main import main

    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(BlipCaptioner, "backward", too_much)  # where most of it is taken
    assert main(["fit", "--config", str(request.config.rootpath / "tests" / "conf" / "tiny.yaml")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: GPU memory ran out; lower data.init_args.batch_size")


def test_the_five_lines_tell_what_is_about_to_happen(workplace, capsys, request):
    from hemblip.cli.main import main

    words = ["--trainer.max_epochs", "1", "--evaluation.validation_cells", "0"]
    assert main(["fit", "--config", str(request.config.rootpath / "tests" / "conf" / "tiny.yaml"), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith("data "))
    assert lines[first + 1].startswith("note       This model has never seen")
    plan = [line.split(maxsplit=1) for line in (lines[first], *lines[first + 2 : first + 6])]
    assert [label for label, _ in plan] == ["data", "model", "training", "precision", "results"]
    assert plan[3][1] == "32-true on cpu" and plan[4][1] == "runs/tiny/version_0"
