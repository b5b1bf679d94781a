"""The loss of Gemma's 262,208 words: its logits as they are against torch's chunked `linear_cross_entropy`.

    OMP_NUM_THREADS=1 python experiments/benchmarks/wide_head.py [--tokens 64] [--turns 2]

The head is of Gemma 3 4B's width, 2,560, random and frozen, as under LoRA. Each way runs in a process of its own, in
turn; seconds are of processor time. torch 2.13 or newer. Figures are in wide_head.md.
"""

import argparse
import multiprocessing
import resource
import sys
import time

WIDTH, WORDS = 2_560, 262_208


def step(way: str, tokens: int) -> None:
    """Do one forward and backward pass and print its time and the memory beyond the head."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    head = torch.empty(WORDS, WIDTH).normal_(0, 0.02)
    states = torch.randn(tokens, WIDTH, requires_grad=True)
    answers = torch.randint(0, WORDS, (tokens,))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    if way == "logits":
        loss = functional.cross_entropy(functional.linear(states, head).float(), answers, reduction="sum")
    else:
        options = torch.nn.LinearCrossEntropyOptions()
        loss = functional.linear_cross_entropy(states, head, answers, reduction="sum", options=options)
    loss.backward()
    seconds, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{way:<8} {seconds:6.1f} s {(after - before) / 1024:6.0f} MiB, loss {loss.item():.3f}", flush=True)


def main() -> None:
    """Run both ways in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--turns", type=int, default=2)
    arguments = parser.parse_args()
    for way in ("logits", "chunked") * arguments.turns:
        process = multiprocessing.get_context("spawn").Process(target=step, args=(way, arguments.tokens))
        process.start()
        process.join()


if __name__ == "__main__":
    assert sys.platform == "linux", "ru_maxrss is in KiB on Linux only"
    main()
