"""LoRA (Hu et al., ICLR 2022): adapters put into a frozen model, and merged into its weights for good."""

from collections.abc import Sequence

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from hemblip.errors import ConfigError


def add_adapters(
    model: nn.Module, target: str, rank: int, alpha: int, dropout: float, trained: Sequence[nn.Module]
) -> None:
    """Freeze a model but for adapters and some of its modules.

    Args:
        model: changed in place.
        target: regular expression that full names of the adapted layers match.
        rank: width of the adapters, at least 1.
        alpha: their scale, divided by the rank.
        dropout: share of their inputs dropped in training, in [0, 1).
        trained: modules that train whole beside the adapters.

    Raises:
        ConfigError: a setting is out of range, or no layer matches `target`.
    """
    if rank < 1 or alpha < 1 or not 0 <= dropout < 1:
        raise ConfigError(
            f"lora_rank {rank}, lora_alpha {alpha}, lora_dropout {dropout}: rank and alpha are at least 1, dropout is "
            "at least 0 and below 1"
        )
    model.requires_grad_(False)
    # Without `task_type`: peft would pass arguments on that BLIP's forward does not know.
    settings = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=target)
    try:
        inject_adapter_in_model(settings, model)
    except ValueError as error:
        raise ConfigError(f"adapters match no layer of {type(model).__name__}; their pattern is {target}") from error
    for module in trained:
        module.requires_grad_(True)


def last_layers(layers: nn.ModuleList, count: int) -> list[nn.Module]:
    """Give the last `count` layers.

    Raises:
        ConfigError: there are not so many.
    """
    if not 0 <= count <= len(layers):
        raise ConfigError(f"train_last_layers: {count} is not within 0 and the model's {len(layers)} layers")
    return list(layers[len(layers) - count :])


def merge_adapters(model: nn.Module) -> int:
    """Add each adapter to the weights that it adapts and take it out; gives the number of adapters.

    Raises:
        ValueError: a merged weight is not finite.
    """
    adapted = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, BaseTunerLayer)]
    for name, layer in adapted:
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
    return len(adapted)
