"""Measure describing and training on a GPU: BLIP-base at its true size, Gemma 3 of MedGEMMA's width with two layers.

    sh experiments/benchmarks/gpu.sh

Random weights, no download. Ways are timed in turn (A B A B) after one turn that warms up; ratios are medians over the
turns. Each part is on its own: what fails is named in the table, and the others go on. The table is written after each
part, to `$OUT/gpu.md` if OUT is set. `--tiny --device cpu` tries the same code with small models.
"""

# ruff: noqa: B023 - ways are timed before their loop goes on
import argparse
import copy
import gc
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import torch
import transformers
from decoding import describe_before, true_size
from torch import Tensor, nn
from torch.nn import functional
from training import adapted, given, update
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from hemblip.data.dataset import Batch
from hemblip.models import BlipCaptioner, MedGemmaCaptioner
from hemblip.models.decoding import BlipDecoder, Decoding, search
from hemblip.models.fused_attention import fuse_attention

GIB = 2**30


class Setup(NamedTuple):
    """Where and how long to measure."""

    device: str
    tiny: bool
    repeats: int
    until: float
    """On the monotonic clock."""


class Row(NamedTuple):
    """A comparison."""

    what: str
    precision: str
    cells: int
    before: float
    after: float
    ratio: float
    memory: tuple[float, float]
    note: str

    def __str__(self) -> str:
        times = f"{1000 * self.before:.1f} | {1000 * self.after:.1f} | {self.ratio:.2f}"
        memory = f"{self.memory[0]:.1f} | {self.memory[1]:.1f}"
        return f"| {self.what} | {self.precision} | {self.cells} | {times} | {memory} | {self.note} |"


HEAD = """| what | precision | cells | before, ms | after, ms | ratio | peak GiB before | after | note |
|---|---|---|---|---|---|---|---|---|"""


def paired(setup: Setup, before: Callable[[], object], after: Callable[[], object]) -> tuple[float, ...]:
    """Time both in turn: medians, median of ratios, and peak memory of each in GiB."""
    cuda = setup.device == "cuda"

    def timed(way: Callable[[], object]) -> tuple[float, float]:
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        way()
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start, torch.cuda.max_memory_allocated() / GIB if cuda else 0.0

    before(), after()
    turns = []
    for _ in range(setup.repeats):
        turns.append((timed(before), timed(after)))
        if time.monotonic() > setup.until:
            break
    first, second = (statistics.median(turn[way][0] for turn in turns) for way in (0, 1))
    ratio = statistics.median(one[0] / other[0] for one, other in turns)
    return first, second, ratio, max(turn[0][1] for turn in turns), max(turn[1][1] for turn in turns)


def row(what: str, precision: str, cells: int, measured: tuple[float, ...], note: str = "") -> Row:
    """A row of what `paired` has measured."""
    return Row(what, precision, cells, *measured[:3], (measured[3], measured[4]), note)


def autocast(setup: Setup, precision: str) -> AbstractContextManager[object]:
    """As `trainer.precision: bf16-mixed`, or nothing."""
    return torch.autocast(setup.device, torch.bfloat16) if precision == "bf16" else nullcontext()


def cells(captioner: BlipCaptioner | MedGemmaCaptioner, count: int, caption: str) -> Batch:
    """Random images with the same caption."""
    shape = (count, 3, captioner.image_size, captioner.image_size)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, device=captioner.device)
    return {"images": images, "captions": [caption] * count, "cell_ids": [str(cell) for cell in range(count)]}


def written(setup: Setup) -> str:
    """A caption of 48 tokens."""
    return " ".join(f"word{index}" for index in range(200, 206 if setup.tiny else 247))


def blip(setup: Setup, precision: str) -> Iterator[Row]:
    """Describe with 3 beams and greedily, against transformers' search and a second run for probabilities."""
    tokens = 6 if setup.tiny else 48
    eager = true_size(Decoding(num_beams=3, max_new_tokens=tokens), setup.tiny).to(setup.device)
    fused = copy.deepcopy(eager)
    fuse_attention(fused.model)
    start = fused.tokenizer.convert_tokens_to_ids("[DEC]")

    def found(batch: Batch, decoding: Decoding, static: bool) -> list[list[list[tuple[int, float]]]]:
        decoder = BlipDecoder(
            fused.model.text_decoder, fused.encode(batch["images"]), decoding.num_beams, tokens, static
        )
        starts = torch.full((len(batch["images"]),), start, device=setup.device)
        return search(decoder, starts, fused.tokenizer.sep_token_id, decoding)  # type: ignore[return-value]

    for count in (2, 4) if setup.tiny else (4, 16, 64):
        batch = cells(fused, count, "")
        for beams in (3, 1):
            decoding = Decoding(num_beams=beams, max_new_tokens=tokens)
            eager.decoding = fused.decoding = decoding
            with torch.no_grad(), autocast(setup, precision):
                expected, values = describe_before(eager, batch)
                ours = fused.generate_tokens(batch)
                same = sum([t.token for t in one] == other for one, other in zip(ours, expected, strict=True))
                gap = (
                    max(
                        abs(token.log_probability - value)
                        for one, other, ids in zip(ours, values, expected, strict=True)
                        if [token.token for token in one] == ids
                        for token, value in zip(one, other, strict=True)
                    )
                    if same
                    else float("nan")
                )
                note = f"{same} of {count} captions the same, log-probabilities to {gap:.0e}"
                measured = paired(setup, lambda: describe_before(eager, batch), lambda: fused.describe_batch(batch))
                yield row(f"BLIP describe, {beams} beams", precision, count, measured, note)
                if time.monotonic() > setup.until:
                    return
                plain, recorded = found(batch, decoding, static=False), found(batch, decoding, static=True)
                same = sum(
                    [t[0] for t in one[0]] == [t[0] for t in other[0]]
                    for one, other in zip(plain, recorded, strict=True)
                )
                measured = paired(
                    setup,
                    lambda: found(batch, decoding, static=False),
                    lambda: found(batch, decoding, static=True),
                )
                note = f"{same} of {count} captions the same"
                yield row(
                    f"BLIP encode and search, {beams} beams: step by step / recorded", precision, count, measured, note
                )


def full_step(setup: Setup, precision: str) -> Iterator[Row]:
    """Fine-tune everything, with transformers' attention and fused."""
    ways = []
    for fused in (False, True):
        torch.manual_seed(0)
        captioner = true_size(Decoding(), setup.tiny).to(setup.device).train()
        for module in captioner.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # or losses cannot be compared
        if fused:
            fuse_attention(captioner.model)
        ways.append((captioner, torch.optim.AdamW(captioner.parameters(), lr=1e-5)))
    for count in (2,) if setup.tiny else (4, 16, 32):
        batch = cells(ways[0][0], count, written(setup))
        with autocast(setup, precision):
            losses = [captioner.loss_per_cell(batch)[0].mean().item() for captioner, _ in ways]
        measured = paired(setup, *(lambda way=way: update(*way, batch, autocast(setup, precision)) for way in ways))
        note = f"losses {losses[0]:.5f} {losses[1]:.5f} at the start"
        yield row("BLIP full step: transformers' attention / fused", precision, count, measured, note)


def lora_step(setup: Setup, precision: str) -> Iterator[Row]:
    """Train adapters on the decoder, encoding images or taking kept features from the CPU's memory."""
    captioner = adapted(true_size(Decoding(), setup.tiny)).to(setup.device)
    optimizer = torch.optim.AdamW([part for part in captioner.parameters() if part.requires_grad], lr=1e-5)
    for count in (2,) if setup.tiny else (4, 16, 64):
        batch = cells(captioner, count, written(setup))
        with torch.no_grad(), autocast(setup, precision):
            features = captioner.encode(batch["images"]).cpu()
        features = features.pin_memory() if setup.device == "cuda" else features

        def kept(features: Tensor = features, batch: Batch = batch) -> None:
            with given(captioner, features.to(setup.device, non_blocking=True)):
                update(captioner, optimizer, batch, autocast(setup, precision))

        measured = paired(setup, lambda b=batch: update(captioner, optimizer, b, autocast(setup, precision)), kept)
        yield row("BLIP LoRA step: images / kept features", precision, count, measured)


def gemma(setup: Setup, precision: str) -> Iterator[Row]:
    """Test and train Gemma 3 of MedGEMMA's width, two layers of 27 and 34, 896 px."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    captioner = MedGemmaCaptioner(
        "compact", adaptation="base", decoding=Decoding(max_new_tokens=4 if setup.tiny else 48)
    )
    if not setup.tiny:
        config = Gemma3Config(
            vision_config={
                "hidden_size": 1152,
                "intermediate_size": 4304,
                "num_hidden_layers": 2,
                "num_attention_heads": 16,
                "image_size": 896,
                "patch_size": 14,
                "vision_use_head": False,
            },
            text_config={
                "vocab_size": 262_208,
                "hidden_size": 2560,
                "intermediate_size": 10_240,
                "num_hidden_layers": 2,
                "num_attention_heads": 8,
                "num_key_value_heads": 4,
                "head_dim": 256,
                "query_pre_attn_scalar": 256,
                "sliding_window": 1024,
            },
            mm_tokens_per_image=256,
            boi_token_index=captioner.model.config.boi_token_index,
            eoi_token_index=captioner.model.config.eoi_token_index,
            image_token_index=captioner.image_token,
        )
        with torch.device(setup.device):
            captioner.model = Gemma3ForConditionalGeneration(config)
        captioner.image_size = 896
        image = captioner.prompt == captioner.image_token
        first = int(image.nonzero()[0])
        parts = [
            captioner.prompt[:first],
            captioner.prompt[image][:1].repeat(256),
            captioner.prompt[first:][~image[first:]],
        ]
        captioner.prompt = torch.cat(parts)
    captioner = captioner.to(setup.device).to(dtype).eval()
    captioner.model.requires_grad_(False)
    for count in (2,) if setup.tiny else (4, 16):
        batch = cells(captioner, count, "A cell with a round nucleus, coarse chromatin and pale cytoplasm. " * 2)

        def anew(batch: Batch = batch) -> None:
            captioner.loss_per_cell(batch)
            captioner.generate_tokens(batch)

        def shared(batch: Batch = batch) -> None:
            with captioner.encoded_once(batch):
                anew(batch)

        with torch.no_grad():
            measured = paired(setup, anew, shared)
            yield row(
                "Gemma loss and caption: encoded twice / once", precision, count, measured, "2 of 27 and 34 layers"
            )
            features = captioner.encode(batch["images"]).cpu()
            features = features.pin_memory() if setup.device == "cuda" else features

            def kept(features: Tensor = features, batch: Batch = batch) -> None:
                with given(captioner, features.to(setup.device, non_blocking=True)):
                    captioner.loss_per_cell(batch)

            measured = paired(setup, lambda b=batch: captioner.loss_per_cell(b), kept)
        yield row("Gemma loss: images / kept features", precision, count, measured, "2 of 27 and 34 layers")


def linear_loss(setup: Setup, precision: str) -> Iterator[Row]:
    """Loss and gradients of a head of 262k words, by logits and by torch's own function (torch 2.13)."""
    if not hasattr(functional, "linear_cross_entropy"):
        raise NotImplementedError(f"torch {torch.__version__} has no linear_cross_entropy")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    words, width = (500, 16) if setup.tiny else (262_208, 2560)
    for count in (2,) if setup.tiny else (4, 16):
        states = torch.randn(count * 64, width, device=setup.device, dtype=dtype, requires_grad=True)
        weight = (torch.randn(words, width, device=setup.device) / width**0.5).to(dtype)
        target = torch.randint(0, words, (len(states),), device=setup.device)

        def logits(states: Tensor = states, weight: Tensor = weight, target: Tensor = target) -> None:
            functional.cross_entropy(functional.linear(states, weight).float(), target, reduction="sum").backward()

        def fused(states: Tensor = states, weight: Tensor = weight, target: Tensor = target) -> None:
            options = torch.nn.LinearCrossEntropyOptions()
            loss = functional.linear_cross_entropy(states, weight, target, reduction="sum", options=options)
            loss.backward()

        yield row("262k-word head: logits / linear_cross_entropy", precision, count, paired(setup, logits, fused))


PARTS: tuple[tuple[Callable[[Setup, str], Iterator[Row]], str], ...] = tuple(
    (part, precision) for part in (blip, full_step, lora_step, gemma, linear_loss) for precision in ("bf16", "fp32")
)


def machine(setup: Setup) -> str:
    """What the figures were measured on."""
    name = torch.cuda.get_device_name() if setup.device == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return f"{name}, torch {torch.__version__}, transformers {transformers.__version__}, {setup.repeats} turns"


def write(lines: list[str], place: Path | None) -> None:
    """Write the table so far."""
    if place is not None:
        place.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Print one row a comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true", help="small models, to try the code")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=210.0, help="no part starts, and none repeats, after these")
    given = parser.parse_args()
    setup = Setup(given.device, given.tiny, given.repeats, time.monotonic() + given.seconds)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    place = Path(os.environ["OUT"]) / "gpu.md" if os.environ.get("OUT") else None
    lines = ["# On a GPU", "", f"`sh experiments/benchmarks/gpu.sh`: {machine(setup)}; TF32 off.", "", HEAD]
    print("\n".join(lines), flush=True)
    for part, precision in PARTS:
        name = f"{part.__name__}, {precision}"
        try:
            if time.monotonic() > setup.until:
                raise TimeoutError(f"{given.seconds:.0f} s are over")
            for found in part(setup, precision):
                lines.append(str(found))
                print(lines[-1], flush=True)
                write(lines, place)
        except Exception as error:  # the other parts are to be measured
            traceback.print_exc(file=sys.stderr)
            reason = " ".join(f"{type(error).__name__}: {error}".split()).replace("|", "/")[:200]
            lines.append(f"| {name} | | | | | | | | not measured: {reason} |")
            print(lines[-1], flush=True)
            write(lines, place)
        gc.collect()
        if setup.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
