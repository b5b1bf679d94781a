"""bfloat16 on a GPU, float32 on a CPU; what trains stays in float32; memory that runs out is told in one line."""

import lightning as L
import pytest
import torch
from test_medgemma_training import CAPTIONS, Cells, lora
from tiny_blip import tiny

from hemblip.models import BlipCaptioner
from hemblip.training import usual_precision


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


def mixed(captioner, cells, folder):
    describes = Describes()
    trainer = L.Trainer(
        default_root_dir=folder,
        max_steps=1,
        accelerator="cpu",
        precision="bf16-mixed",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[describes],
    )
    trainer.fit(captioner, torch.utils.data.DataLoader(cells, batch_size=None))
    return describes.captions


def test_medgemma_with_frozen_weights_in_bfloat16_trains_and_describes(tmp_path):
    captioner = lora(lora_dropout=0.0)
    for parameter in captioner.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    before = {name: p.detach().clone() for name, p in captioner.named_parameters()}
    assert len(mixed(captioner, Cells(), tmp_path)) == len(CAPTIONS)
    changed = {name for name, p in captioner.named_parameters() if not torch.equal(p, before[name])}
    assert changed and all(captioner.get_parameter(name).dtype == torch.float32 for name in changed)


def test_blip_computes_in_bfloat16_and_keeps_its_weights(tmp_path):
    captioner, kinds = tiny(), set()
    layer = captioner.model.text_decoder.bert.encoder.layer[0].output.dense
    layer.register_forward_hook(lambda *seen: kinds.add(seen[-1].dtype))
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    batch = {"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b"]}
    mixed(captioner, [batch], tmp_path)
    assert kinds == {torch.bfloat16}
    assert {parameter.dtype for parameter in captioner.parameters()} == {torch.float32}


def test_memory_that_runs_out_is_told_in_one_line(workplace, monkeypatch, capsys, request):
    from hemblip.__main__ import main

    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(BlipCaptioner, "backward", too_much)  # where most of it is taken
    assert main(["fit", "--config", str(request.config.rootpath / "tests" / "conf" / "tiny.yaml")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: GPU memory ran out; lower data.init_args.batch_size")


def test_the_five_lines_tell_what_is_about_to_happen(workplace, capsys, request):
    from hemblip.__main__ import main

    words = ["--trainer.max_epochs", "1", "--evaluation.validation_cells", "0"]
    assert main(["fit", "--config", str(request.config.rootpath / "tests" / "conf" / "tiny.yaml"), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith("data "))
    plan = [line.split(maxsplit=1) for line in lines[first : first + 5]]
    assert [label for label, _ in plan] == ["data", "model", "training", "precision", "results"]
    assert plan[3][1] == "32-true on cpu" and plan[4][1] == "runs/tiny/version_0"
