"""Measure a full fine-tuning step of BLIP-base at its true size with transformers' attention and with fused attention.

    OMP_NUM_THREADS=1 python experiments/benchmarks/training.py --cells 4 --repeats 2

A step is loss, gradients and AdamW. Both in turn (A B A B) from the same weights; ratios are medians over the turns.
On a GPU, if there is one, in elapsed time; else in processor time.
"""

import argparse
import statistics
import time
from contextlib import AbstractContextManager, nullcontext

import torch
from decoding import true_size

from hemblip.data.dataset import Batch
from hemblip.models import BlipCaptioner
from hemblip.models.decoding import GREEDY
from hemblip.models.fused_attention import fuse_attention


def step(captioner: BlipCaptioner, optimizer: torch.optim.Optimizer, batch: Batch) -> tuple[float, float]:
    """Train on a batch: seconds and loss."""
    gpu = captioner.device.type == "cuda"
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    value = update(captioner, optimizer, batch).item()
    if gpu:
        torch.cuda.synchronize()
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


def main() -> None:
    """Print times of both, their ratio and their losses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=2)
    settings = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    caption = " ".join(f"word{index}" for index in range(200, 200 + settings.tokens - 1))
    images = torch.randint(0, 256, (settings.cells, 3, 384, 384), dtype=torch.uint8)
    cells = [str(cell) for cell in range(settings.cells)]
    batch: Batch = {"images": images, "captions": [caption] * settings.cells, "cell_ids": cells}
    ways = []
    for fused in (False, True):
        torch.manual_seed(0)
        captioner = true_size(GREEDY).to(device).train()
        if fused:
            fuse_attention(captioner.model)
        ways.append((captioner, torch.optim.AdamW(captioner.parameters(), lr=1e-5)))
    print(f"{settings}, {device}, {torch.get_num_threads()} threads")
    turns = [[step(*way, batch) for way in ways] for _ in range(settings.repeats + 1)]
    print("losses", ", ".join(f"{before:.5f} {after:.5f}" for (_, before), (_, after) in turns))
    times = [[seconds for seconds, _ in turn] for turn in turns[1:]]  # the first turn warms up
    before, after = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    print(f"training step: transformers' attention {before:.2f} s, fused {after:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
