"""Ways to say which pixels made which statement; one small file each."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from hemblip.errors import ConfigError
from hemblip.explain.methods.attention_gradient import attention_gradient
from hemblip.explain.methods.controls import centre_map, random_map
from hemblip.explain.methods.integrated_gradients import integrated_gradients
from hemblip.explain.methods.occlusion import occlusion
from hemblip.explain.methods.part_occlusion import part_occlusion
from hemblip.explain.statement import CaptionReader, Statement

Method = Callable[[CaptionReader, Tensor, Sequence[Statement], Tensor | None], Tensor]
"""(reader, image (3, S, S) from 0 to 255, N statements, parts (S, S) if known) -> maps (N, S, S), at least 0."""

METHODS: Mapping[str, Method] = {
    "attention": attention_gradient,
    "occlusion": occlusion,
    "parts": part_occlusion,
    "integrated": integrated_gradients,
}

CONTROLS: Mapping[str, Method] = {"random": random_map, "centre": centre_map}


def find_method(name: str) -> Method:
    """Look a method or control up.

    Raises:
        ConfigError: there is none of this name.
    """
    every = {**METHODS, **CONTROLS}
    if name not in every:
        raise ConfigError(f"--method {name}: no such method; there are {', '.join(every)}")
    return every[name]


__all__ = ["CONTROLS", "METHODS", "Method", "find_method"]
