"""What weight decay takes, and how the learning rate goes over the steps of a training."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hemblip.errors import ConfigError

Schedule = Literal["constant", "linear", "cosine"]


def parameter_groups(parameters: Sequence[Tensor], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices, then norms and biases, which have no weight decay."""
    kinds = [[p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]]
    return [{"params": kind, "weight_decay": _decay(kind, weight_decay)} for kind in kinds if kind]


def _decay(parameters: Sequence[Tensor], weight_decay: float) -> float:
    return weight_decay if parameters[0].ndim >= 2 else 0.0


def rate_factor(steps: float, warmup: float, schedule: Schedule) -> Callable[[int], float]:
    """Give the learning rate at a step as a share of the highest.

    Args:
        steps: of the training; infinite for one without end.
        warmup: share of them, 0 to 1, over which the rate rises from 0.
        schedule: keep the rate after that, or let it fall to 0 along a line or a half cosine.

    Raises:
        ConfigError: they are shares of a training without end.
    """
    if math.isinf(steps) and (warmup or schedule != "constant"):
        raise ConfigError(
            f"trainer.max_epochs is -1, but model.init_args.warmup {warmup} and schedule '{schedule}' take shares of "
            "all steps; set trainer.max_epochs or trainer.max_steps"
        )
    rise = round(warmup * steps) if warmup else 0

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        if schedule == "constant":
            return 1.0
        done = (step - rise) / max(1, steps - rise)
        return 1 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))

    return factor


def set_rates(optimizer: Optimizer, scheduler: LambdaLR, learning_rate: float, weight_decay: float) -> None:
    """Put the config's values in the place of those that were restored with a training's state."""
    scheduler.base_lrs = [learning_rate] * len(optimizer.param_groups)
    for group, factor in zip(optimizer.param_groups, scheduler.lr_lambdas, strict=True):
        group["initial_lr"] = learning_rate
        group["lr"] = learning_rate * factor(scheduler.last_epoch)
        group["weight_decay"] = _decay(group["params"], weight_decay)
