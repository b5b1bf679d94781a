"""Measure training steps of BLIP-base at its true size.

    OMP_NUM_THREADS=1 python experiments/benchmarks/training.py --cells 4 --repeats 2

Full fine-tuning with transformers' attention and with fused attention; LoRA from images and from kept features of the
frozen vision tower. A step is loss, gradients and AdamW. Both in turn (A B A B); ratios are medians over the turns.
On a GPU, if there is one, in elapsed time; else in processor time.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from decoding import true_size

from hemblip.data.dataset import Batch
from hemblip.models import BlipCaptioner
from hemblip.models.adapters import add_adapters, last_layers
from hemblip.models.blip import ATTENTION
from hemblip.models.captioner import Captioner
from hemblip.models.decoding import GREEDY
from hemblip.models.fused_attention import fuse_attention


def timed(update: Callable[[], torch.Tensor]) -> tuple[float, float]:
    """Take a step: seconds and loss."""
    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    value = update().item()
    return clock() - start, value


def update(
    captioner: BlipCaptioner,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    precision: AbstractContextManager[object] | None = None,
) -> torch.Tensor:
    """Take a step, the forward pass in a `precision`; give the loss."""
    with precision or nullcontext():
        losses, tokens = captioner.loss_per_cell(batch)
        loss = losses.sum() / tokens.sum()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def adapted(captioner: BlipCaptioner) -> BlipCaptioner:
    """LoRA as in `configs/blip_lora.yaml`, on a captioner of `true_size`."""
    decoder = captioner.model.text_decoder
    whole = [*last_layers(decoder.bert.encoder.layer, 2), decoder.cls]
    fuse_attention(captioner.model)
    captioner.model.requires_grad_(False)
    add_adapters(captioner.model, ATTENTION.format("(?:cross)?attention"), 8, 16, 0.05, whole)
    captioner.frozen = ("model.vision_model",)
    return captioner.train()


@contextmanager
def given(captioner: Captioner, features: torch.Tensor) -> Iterator[None]:
    """Take features (B, P, D) for whatever is encoded."""
    captioner.encode = lambda images: features  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del captioner.encode


def optimizer_of(captioner: BlipCaptioner) -> torch.optim.Optimizer:
    """AdamW over what trains."""
    return torch.optim.AdamW([part for part in captioner.parameters() if part.requires_grad], lr=1e-5)


def compare(what: str, first: Callable[[], torch.Tensor], second: Callable[[], torch.Tensor], repeats: int) -> None:
    """Take steps in turn, and print times, their ratio and the losses."""
    turns = [(timed(first), timed(second)) for _ in range(repeats + 1)]
    print("losses", ", ".join(f"{one:.5f} {other:.5f}" for (_, one), (_, other) in turns))
    times = [[seconds for seconds, _ in turn] for turn in turns[1:]]  # the first turn warms up
    before, after = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    print(f"{what} {before:.2f} s, {after:.2f} s, ratio {ratio:.2f}", flush=True)


def main() -> None:
    """Print times, ratios and losses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--steps", nargs="*", choices=("full", "lora"), default=("full", "lora"))
    settings = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    caption = " ".join(f"word{index}" for index in range(200, 200 + settings.tokens - 1))
    images = torch.randint(0, 256, (settings.cells, 3, 384, 384), dtype=torch.uint8)
    cells = [str(cell) for cell in range(settings.cells)]
    batch: Batch = {"images": images, "captions": [caption] * settings.cells, "cell_ids": cells}
    print(f"{settings}, {device}, {torch.get_num_threads()} threads")
    if "full" in settings.steps:
        ways = []
        for fused in (False, True):
            torch.manual_seed(0)
            captioner = true_size(GREEDY).to(device).train()
            if fused:
                fuse_attention(captioner.model)
            ways.append(partial(update, captioner, optimizer_of(captioner), batch))
        compare("full step: transformers' attention, fused:", *ways, settings.repeats)
        del ways, captioner
    if "lora" in settings.steps:
        captioner = adapted(true_size(GREEDY)).to(device)
        optimizer = optimizer_of(captioner)
        with torch.no_grad():
            features = captioner.encode(images).half().cpu()

        def from_features() -> torch.Tensor:
            with given(captioner, features.to(device).float()):
                return update(captioner, optimizer, batch)

        from_images = partial(update, captioner, optimizer, batch)
        compare("LoRA step: images, kept features:", from_images, from_features, settings.repeats)


if __name__ == "__main__":
    main()
