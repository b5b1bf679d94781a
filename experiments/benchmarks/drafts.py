"""Count the passes of greedy decoding with drafts from training captions, and time what a pass costs.

    OMP_NUM_THREADS=1 python experiments/benchmarks/drafts.py --wbcatt DATA/wbcatt_half --wbcatt_cells 100

A draft is the likeliest continuation, in the training captions, of the longest end of what is written so far that
occurs in them. One pass reads it and gives the token that follows each of its tokens; as many as agree with the greedy
choice are taken, and one more. The caption stays the greedy one, so that passes are counted on captions that are there:
those that `wbcatt-compact` writes of test cells, and those of the demo's test cells as their annotation has them. A
pass over K tokens is timed as a step of K beams, which reads as many; in processor time, in turn with steps of one.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence

import torch
from decoding import true_size
from torch import Tensor

import hemblip
from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic, WBCAtt
from hemblip.data.taught import USUAL
from hemblip.models.blip import BlipCaptioner
from hemblip.models.decoding import GREEDY, BlipDecoder, Drafts
from hemblip.models.fused_attention import fuse_attention

LENGTHS = (4, 8, 16)
"""Tokens that a pass reads, the last one written among them."""

Caption = tuple[int, ...]


def passes(drafts: Drafts, caption: Caption, length: int) -> int:
    """Passes that write a caption, which begins with its start mark."""
    done, count = 1, 0
    while done < len(caption):
        draft = drafts.after(caption[:done], length - 1)
        agreed = 0
        while agreed < len(draft) and done + agreed < len(caption) and draft[agreed] == caption[done + agreed]:
            agreed += 1
        done, count = done + agreed + 1, count + 1
    return count


def tokens_of(captioner: BlipCaptioner, captions: Sequence[str]) -> list[Caption]:
    """Token ids of captions with both marks."""
    known = {text: tuple(captioner.token_ids([text])[0].tolist()) for text in set(captions)}
    return [known[text] for text in captions]


def count(name: str, captioner: BlipCaptioner, training: Sequence[str], written: Sequence[str]) -> dict[int, float]:
    """Passes a token, by the length of passes."""
    usual = [text for text, _ in Counter(training).most_common(USUAL)]
    drafts, captions = Drafts(tokens_of(captioner, usual)), tokens_of(captioner, written)
    tokens = sum(len(caption) - 1 for caption in captions)
    fewer = {}
    for length in LENGTHS:
        fewer[length] = tokens / sum(passes(drafts, caption, length) for caption in captions)
    told = ", ".join(f"{ratio:.2f} of {length}" for length, ratio in fewer.items())
    seen = sum(text in set(training) for text in set(written)) / len(set(written))
    print(
        f"{name}: {len(training):,} training captions, {len(set(training)):,} different; {len(captions)} captions of "
        f"{tokens / len(captions):.0f} tokens, {100 * seen:.0f} % of the different ones known; tokens a pass: {told}",
        flush=True,
    )
    return fewer


def steps(captioner: BlipCaptioner, patches: Tensor, length: int, number: int) -> float:
    """Processor seconds of a step that reads `length` tokens of each cell."""
    decoder = BlipDecoder(captioner.model.text_decoder, patches, length, number + 1)
    tokens = torch.full((len(patches), length), 200)
    decoder.step(tokens, None)
    start = time.process_time()
    for _ in range(number):
        decoder.step(tokens, None)
    return (time.process_time() - start) / number


def cost(captioner: BlipCaptioner, name: str, cells: int, fewer: dict[str, dict[int, float]], repeats: int) -> None:
    """Print what passes cost, and how much faster a description could be."""
    size = captioner.image_size
    images = torch.randint(0, 256, (cells, 3, size, size), dtype=torch.uint8)
    with torch.no_grad():
        start = time.process_time()
        patches = captioner.encode(images)
        encoding = time.process_time() - start
        for length in LENGTHS:
            turns = [(steps(captioner, patches, 1, 6), steps(captioner, patches, length, 6)) for _ in range(repeats)]
            one, many = (statistics.median(column) for column in zip(*turns, strict=True))
            dearer = statistics.median(turn[1] / turn[0] for turn in turns)
            told = []
            for which, ratios in fewer.items():
                whole = (encoding + 60 * one) / (encoding + 60 * one * dearer / ratios[length])
                told.append(f"{which} decoding {ratios[length] / dearer:.2f}, with encoding {whole:.2f}")
            print(
                f"{name}, {cells} cells: encoding {encoding:.2f} s, a step {1000 * one:.1f} ms, a pass of {length} "
                f"{1000 * many:.1f} ms ({dearer:.2f}); times as fast: {'; '.join(told)}",
                flush=True,
            )


def describing(captioner: BlipCaptioner, pictures: Sequence[str], repeats: int) -> None:
    """Print how much faster pictures are described with drafts, decoding and reading of files included."""
    usual = captioner.usual_captions
    for number in (1, 4, 16):
        turns, told = [], []
        for _ in range(repeats):
            taken = []
            for captions in ([], usual):
                captioner.usual_captions = captions
                start = time.process_time()
                told.append([one.caption for one in captioner.describe(pictures, batch_size=number)])
                taken.append(time.process_time() - start)
            turns.append(taken)
        same = sum(len(set(texts)) == 1 for texts in zip(*told, strict=True))
        without, drafted = (1000 * statistics.median(column) / len(pictures) for column in zip(*turns, strict=True))
        print(
            f"describe, {number} cells at once: {without:.1f} ms a cell, with drafts {drafted:.1f}, "
            f"{statistics.median(turn[0] / turn[1] for turn in turns):.2f} times as fast; {same} of {len(told[0])} "
            "captions the same",
            flush=True,
        )


def main() -> None:
    """Print passes, costs and what would be gained in captions of 60 tokens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wbcatt", help="folder of WBCAtt")
    parser.add_argument("--wbcatt_cells", type=int, default=100)
    parser.add_argument("--cells", type=int, nargs="*", default=(1, 4, 16))
    parser.add_argument("--repeats", type=int, default=3)
    settings = parser.parse_args()
    compact = hemblip.load("wbcatt-compact", "cpu")
    assert isinstance(compact, BlipCaptioner)
    fewer = {}
    with tempfile.TemporaryDirectory() as folder:
        demo = InternalCells([Synthetic(2000, folder=folder)], styles=[0])
        demo.setup()
        texts = {
            split: [captions[0] for captions in demo.manifest.loc[demo.manifest["split"] == split, "captions"]]
            for split in ("train", "test")
        }
    plain = BlipCaptioner("compact")
    fewer["demo"] = count("demo", plain, texts["train"], texts["test"])
    if settings.wbcatt:
        cells = InternalCells([WBCAtt(settings.wbcatt)], styles=[1])
        cells.setup()
        training = [captions[0] for captions in cells.manifest.loc[cells.manifest["split"] == "train", "captions"]]
        tested = cells.manifest[cells.manifest["split"] == "test"].iloc[: settings.wbcatt_cells]
        written = [one.caption for one in compact.describe(tested["image"])]
        fewer["wbcatt-compact"] = count("wbcatt-compact", compact, training, written)
        describing(compact, list(tested["image"]), settings.repeats)
    torch.manual_seed(0)
    base = true_size(GREEDY)
    fuse_attention(base.model)
    for number in settings.cells:
        cost(compact, "wbcatt-compact", number, fewer, settings.repeats)
        cost(base, "BLIP-base", number, fewer, settings.repeats)


if __name__ == "__main__":
    main()
