"""The caption command: k captions for each cell of a manifest, by the grammar or by a language model."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from hemblip.corpus.paraphrase import Estimate, Outcome, Paraphraser, Rewording
from hemblip.data.sources.manifest import read_manifest
from hemblip.errors import ConfigError
from hemblip.morphology import KEYS
from hemblip.morphology.grammar import captions
from hemblip.results import check_files, replacing_files


def caption(
    manifest: str = "data/manifest.parquet",
    output: str = "data/captioned.parquet",
    k: int = 5,
    seed: int = 0,
    paraphraser: Paraphraser | None = None,
    dry_run: bool = False,
) -> None:
    """Give each cell of a manifest k captions that state exactly its attributes.

    Example: python -m hemblip caption --config configs/caption/grammar.yaml

    Args:
        manifest: Parquet file from `prepare`; cells with captions of their own keep those.
        output: the same manifest with captions; beside it comes `<name>_captions.json` with what was counted.
        k: captions a cell; the first one is the reference of evaluation.
        seed: of all choices; with the cell id it decides what the grammar writes.
        paraphraser: language model that rewords the grammar's captions; without one nothing leaves this machine.
        dry_run: write nothing and send nothing; show three captions, and what rewording would cost.

    Raises:
        ConfigError: a setting is out of range.
        DataError: the manifest cannot be read, or a file cannot be written.
        ModelAccessError: the model's server refuses or does not answer.
    """
    source, target = Path(manifest), Path(output)
    _check(source, target, k)
    if not dry_run:
        check_files(_files(target), "caption")
    cells = read_manifest(source)
    own = cells["captions"].map(len) > 0
    todo = cells[~own]
    attributes = [{key: row[key] for key in KEYS} for row in todo.to_dict("records")]
    pairs = zip(attributes, todo["cell_id"], strict=True)
    drafts = [
        captions(cell, k, seed, name) for cell, name in tqdm(pairs, "Captions", len(todo), leave=False, disable=None)
    ]
    rewording = None if paraphraser is None else Rewording(paraphraser, drafts, attributes)
    if dry_run:
        print("\n".join(text for texts in drafts[:3] for text in texts[:1]))
        if paraphraser is not None and rewording is not None:
            print(_costs(rewording.estimate(), paraphraser))
        return
    outcome = Outcome(drafts) if rewording is None else rewording.run()
    written = pd.Series(outcome.captions, index=todo.index, dtype=object)
    counts = _counts(outcome, k, int(own.sum()))
    if paraphraser is not None:
        counts["cost"] = paraphraser.price(outcome.tokens_in, outcome.tokens_out)
    settings = {"k": k, "seed": seed, "model": None if rewording is None else rewording.model}
    texts = [list(written.get(row, own_texts)) for row, own_texts in cells["captions"].items()]
    table, counted = files = _files(target)
    with replacing_files(files, "caption") as partial:
        _write(source, partial(table), texts)
        partial(counted).write_text(json.dumps({"settings": settings, "counts": counts}, indent=1), encoding="utf-8")
    print(_summary(counts, outcome))
    print(f"manifest    {target}")


def _check(source: Path, target: Path, k: int) -> None:
    if k < 1:
        raise ConfigError(f"--k {k}: a cell needs at least 1 caption")
    if target.suffix != ".parquet":
        raise ConfigError(f"--output {target}: the manifest is a Parquet file; let the name end in .parquet")
    if target.resolve() == source.resolve():
        raise ConfigError(f"--output {target}: is the manifest itself; choose another name, so that both remain")


def _files(target: Path) -> list[Path]:
    """The manifest and what comes beside it."""
    return [target, target.with_name(f"{target.stem}_captions.json")]


def _write(source: Path, target: Path, texts: list[list[str]]) -> None:
    """Write the table of `source` with other captions, all else as it is."""
    table = pq.read_table(source)
    place = table.schema.get_field_index("captions")
    table = table.set_column(place, table.schema.field(place), pa.array(texts, table.schema.field(place).type))
    pq.write_table(table, target)


def _counts(outcome: Outcome, k: int, own: int) -> dict[str, object]:
    total = sum(map(len, outcome.captions))
    return {
        "cells": len(outcome.captions),
        "cells_with_captions_of_their_own": own,
        "cells_with_fewer": sum(len(texts) < k for texts in outcome.captions),
        "captions": total,
        "grammar": total - outcome.paraphrased,
        "paraphrased": outcome.paraphrased,
        "rejected": outcome.rejected.total(),
        "rejected_because_of": dict(outcome.rejected.most_common()),
        "malformed": outcome.malformed,
        "requests": outcome.requests,
        "tokens_in": outcome.tokens_in,
        "tokens_out": outcome.tokens_out,
    }


def _summary(counts: dict[str, object], outcome: Outcome) -> str:
    lines = ["{captions} captions of {cells} cells: {grammar} by the grammar, {paraphrased} paraphrased"]
    if outcome.rejected or outcome.malformed:
        reasons = ", ".join(f"{reason} {count}" for reason, count in outcome.rejected.most_common(4))
        lines.append(
            "{rejected} paraphrases rejected" + (f" ({reasons})" if reasons else "") + ", {malformed} malformed"
        )
    if outcome.requests:
        lines.append("{requests} requests, {tokens_in} tokens sent, {tokens_out} received, cost {cost}")
    if counts["cells_with_captions_of_their_own"]:
        lines.append("{cells_with_captions_of_their_own} cells keep captions of their own")
    if counts["cells_with_fewer"]:
        lines.append("{cells_with_fewer} cells state too little for so many captions")
    return "\n".join(lines).format(**{**counts, "cost": _named(counts.get("cost"))})


def _costs(estimate: Estimate, paraphraser: Paraphraser) -> str:
    cost = _named(paraphraser.price(estimate.tokens_in, estimate.tokens_out))
    minutes = estimate.requests / paraphraser.requests_per_minute if paraphraser.requests_per_minute else 0
    return (
        f"{estimate.captions} captions, {estimate.cached} of them cached: {estimate.requests} requests, about "
        f"{estimate.tokens_in} tokens to send and {estimate.tokens_out} to receive, cost {cost}"
        + (f", at least {minutes:.0f} minutes" if minutes else "")
    )


def _named(cost: object) -> str:
    return "unknown (set paraphraser.price_in and price_out)" if cost is None else f"{cost:.2f}"
