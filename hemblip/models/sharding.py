"""Fully sharded data parallel training (FSDP2; Zhao et al., VLDB 2023): each rank keeps a part of every weight."""

from collections.abc import Iterable

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

MESH = "data_parallel"
"""Lightning's name for the ranks over which weights are spread."""


def shard(mesh: DeviceMesh | None, blocks: Iterable[nn.Module]) -> None:
    """Spread weights over the ranks; nothing happens without a mesh, or a second time.

    Args:
        mesh: of `ModelParallelStrategy`; None for other strategies.
        blocks: modules whose weights are brought together for as long as they compute, inner ones first.
    """
    if mesh is None:
        return
    for block in blocks:
        if not isinstance(block, FSDPModule):
            for parameter in block.parameters():
                parameter.data = parameter.data.contiguous()  # convolutions may be laid out for speed
            fully_shard(block, mesh=mesh[MESH])


def bring_together(model: nn.Module) -> None:
    """Keep all weights on each rank until `spread`.

    In evaluation ranks have different numbers of batches and tokens: they cannot exchange parts of weights in step.
    """
    for block in _sharded(model):
        block.set_reshard_after_forward(False, recurse=False)
        block.unshard()


def spread(model: nn.Module) -> None:
    """Let each rank keep its part of the weights only, as training does."""
    for block in _sharded(model):
        block.set_reshard_after_forward(True, recurse=False)
        block.reshard()


def _sharded(model: nn.Module) -> list[FSDPModule]:
    return [block for block in model.modules() if isinstance(block, FSDPModule)]


def whole(tensor: Tensor) -> Tensor:
    """Bring the parts of a weight together; all ranks have to call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def finite(parameters: Iterable[Tensor]) -> bool:
    """Look for values that are not finite in this rank's part of weights."""
    parts = (weight.to_local() if isinstance(weight, DTensor) else weight for weight in parameters)
    return all(bool(part.isfinite().all()) for part in parts)
