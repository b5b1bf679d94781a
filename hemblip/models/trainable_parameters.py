"""What trains and what does not: shown when training starts, stored with the run, and held to while it runs."""

from collections.abc import Iterator
from pathlib import Path

import lightning as L
import pandas as pd
import torch
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor, nn

from hemblip.atomic import write_text
from hemblip.errors import TrainingError
from hemblip.plain_text import csv_text

DEPTH = 3
"""Parts of a parameter's name that name its row."""

FILE = "trainable_parameters.csv"


def trainable_parameters(model: nn.Module) -> pd.DataFrame:
    """Count parameters by module; a tied weight counts once, where it comes first.

    Returns:
        One row a module in the model's order, and `total`: the columns `module`, `parameters`, `trained`, `adapters`
        (those of `trained` that LoRA added) and `share` (of all parameters that trains here, in percent).
    """
    counts: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        row = counts.setdefault(_module(name), [0, 0, 0])
        row[0] += parameter.numel()
        row[1] += parameter.numel() * parameter.requires_grad
        row[2] += parameter.numel() * ("lora_" in name)
    counts["total"] = [sum(column) for column in zip(*counts.values(), strict=True)]
    table = pd.DataFrame.from_dict(counts, orient="index", columns=["parameters", "trained", "adapters"])
    table["share"] = 100 * table["trained"] / table.loc["total", "parameters"]
    return table.rename_axis("module").reset_index()


def _module(name: str) -> str:
    """`model.text_decoder.bert.encoder.layer.3.output.dense.weight` -> `text_decoder.bert.encoder.layer`."""
    parts = name.removeprefix("model.").split(".")[:-1]
    numbered = next((index for index, part in enumerate(parts) if part.isdigit()), len(parts))
    return ".".join(parts[: numbered if numbered < len(parts) else min(DEPTH, len(parts))]) or name


class TrainableParameters(L.Callback):
    """Print the table and store it with the run; stop a run in which a frozen part trains."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show what trains, and remember what does not.

        Raises:
            TrainingError: nothing trains, or a part that must be frozen does.
        """
        prefixes = tuple(f"{part}." for part in getattr(pl_module, "frozen", ()))
        training = [name for name, parameter in pl_module.named_parameters() if parameter.requires_grad]
        loose = [name for name in training if name.startswith(prefixes)] if prefixes else []
        if loose:
            raise TrainingError(f"{len(loose)} parameters of frozen parts would train, first: {loose[0]}")
        if not training:
            raise TrainingError("no parameter trains; check model.init_args.adaptation")
        table = trainable_parameters(pl_module)
        trainer.print(table.to_string(index=False, float_format="{:.2f}".format))
        if trainer.is_global_zero and trainer.loggers:
            write_text(Path(trainer.default_root_dir) / FILE, csv_text(table))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                total = table.set_index("module").loc["total"]
                logger.log_hyperparams({name: int(total[name]) for name in ("parameters", "trained", "adapters")})
        self._frozen = _sums(pl_module, prefixes)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Compare what is frozen with the start.

        Raises:
            TrainingError: it changed.
        """
        prefixes = tuple(f"{part}." for part in getattr(pl_module, "frozen", ()))
        for name, value in _sums(pl_module, prefixes).items():
            if not torch.equal(value, self._frozen[name]):
                raise TrainingError(f"{name} is frozen but changed in epoch {trainer.current_epoch}; report this run")


def _sums(model: nn.Module, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Sum each frozen parameter, and each buffer (batch norms keep running means) of parts that must be frozen."""
    return {name: tensor.sum(dtype=torch.float64) for name, tensor in _frozen(model, prefixes)}


def _frozen(model: nn.Module, prefixes: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    yield from (
        (name, parameter.detach()) for name, parameter in model.named_parameters() if not parameter.requires_grad
    )
    yield from ((name, buffer) for name, buffer in model.named_buffers() if prefixes and name.startswith(prefixes))
