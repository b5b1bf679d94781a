"""Measure describing and testing with BLIP-base at its true size (384 px, random weights) against transformers' way.

    OMP_NUM_THREADS=1 python experiments/benchmarks/decoding.py --cells 4 --repeats 2

Before: the caption from `generate` of transformers, the whole decoder again for the probabilities of its tokens, each
prefix of it decoded to text, and the image encoded anew for the loss, with transformers' attention. After: `describe`,
alone and in a test step, as captioners do it. Both in turn (A B A B), in processor time, on a GPU in elapsed time;
ratios are medians over the turns.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

from hemblip.data.dataset import Batch
from hemblip.models import BlipCaptioner
from hemblip.models.decoding import Decoding
from hemblip.models.fused_attention import fuse_attention

SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}


TINY = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}


def true_size(decoding: Decoding, tiny: bool = False) -> BlipCaptioner:
    """BLIP-base with random weights and a vocabulary of its size, with transformers' attention; or a tiny one."""
    captioner = BlipCaptioner("compact", decoding=decoding)
    size = TINY if tiny else {}
    vision = {"image_size": 64 if tiny else 384, "initializer_range": 0.02, **size}
    text = {"num_attention_heads": 12, **size, "encoder_hidden_size": vision.get("hidden_size", 768)}
    captioner.model = BlipForConditionalGeneration(BlipConfig(vision_config=vision, text_config=text))
    captioner.tokenizer = BertTokenizer(vocab={SPECIAL.get(i, f"word{i}"): i for i in range(30_522)})
    captioner.tokenizer.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    captioner.image_size = vision["image_size"]
    return captioner.eval()


def describe_before(captioner: BlipCaptioner, batch: Batch) -> tuple[list[list[int]], list[list[float]]]:
    """Captions and log-probabilities of their tokens, the way it was."""
    patches = captioner.encode(batch["images"])
    config = captioner.generation_config()
    ids = captioner.model.text_decoder.generate(
        input_ids=torch.full((len(patches), 1), config.bos_token_id, device=patches.device),
        encoder_hidden_states=patches,
        generation_config=config,
    )
    values = captioner.caption_logits(patches, ids).log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    captions = []
    for row in ids[:, 1:].tolist():
        end = row.index(config.eos_token_id) + 1 if config.eos_token_id in row else len(row)
        captions.append(row[:end])
        captioner.tokenizer.batch_decode([row[:place] for place in range(1, end + 1)], skip_special_tokens=True)
    return captions, [row[: len(caption)].tolist() for row, caption in zip(values, captions, strict=True)]


def check(eager: BlipCaptioner, fused: BlipCaptioner, batch: Batch) -> list[int]:
    """Compare tokens and log-probabilities of both ways, give the lengths of the captions."""
    captions, values = describe_before(eager, batch)
    generated = fused.generate_tokens(batch)
    assert [[token for token, _ in row] for row in generated] == captions
    gaps = [
        abs(value - expected)
        for row, before in zip(generated, values, strict=True)
        for (_, value), expected in zip(row, before, strict=True)
    ]
    print(f"same tokens; log-probabilities differ by at most {max(gaps):.1e}", flush=True)
    return [len(caption) for caption in captions]


def tested_before(captioner: BlipCaptioner, batch: Batch) -> None:
    """A test step, the way it was."""
    captioner.loss_per_cell(batch)
    describe_before(captioner, batch)


def tested(captioner: BlipCaptioner, batch: Batch) -> None:
    """A test step."""
    captioner.on_test_batch_start()
    captioner.loss_per_cell(batch)
    captioner.describe_batch(batch)
    captioner.on_test_batch_end()


def seconds(function: Callable[[BlipCaptioner, Batch], object], captioner: BlipCaptioner, batch: Batch) -> float:
    """Time of one call: the processor's, or what has passed on a GPU."""
    gpu = captioner.device.type == "cuda"
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    function(captioner, batch)
    if gpu:
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    """Print one line a comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--beams", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=2)
    settings = parser.parse_args()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    eager = true_size(Decoding(num_beams=settings.beams, max_new_tokens=settings.tokens)).to(device)
    fused = copy.deepcopy(eager)
    fuse_attention(fused.model)
    images = torch.randint(0, 256, (settings.cells, 3, 384, 384), dtype=torch.uint8)
    caption = " ".join(f"word{index}" for index in range(200, 200 + settings.tokens - 1))
    cells = [str(cell) for cell in range(settings.cells)]
    batch: Batch = {"images": images, "captions": [caption] * settings.cells, "cell_ids": cells}
    with torch.no_grad():
        lengths = check(eager, fused, batch)
        print(f"{settings}, {device}, {torch.get_num_threads()} threads, captions of {lengths} tokens", flush=True)
        ways = {
            "describe": (describe_before, lambda captioner, batch: captioner.describe_batch(batch)),
            "test step": (tested_before, tested),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(settings.repeats):
            for name, (before, after) in ways.items():
                times[name].append((seconds(before, eager, batch), seconds(after, fused, batch)))
        encoding = seconds(lambda captioner, batch: captioner.encode(batch["images"]), fused, batch)
    print(f"encoding alone {encoding:.1f} s")
    for name, pairs in times.items():
        first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        print(f"{name:<12}before {first:6.1f} s, after {second:6.1f} s, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
