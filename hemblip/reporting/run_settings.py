"""What a reviewer asks of a run first, and whether two runs can be compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from hemblip.errors import DataError
from hemblip.predictions import TRUE_KEYS, TRUE_PREFIX
from hemblip.reporting.layout import Column, Row, Table
from hemblip.run import PLACES, Run, flat, order_of, place_of

NOT_COMPARED = ("name", "resume", "resume_point", "ckpt_path", "wandb", "group", "verbose", "weights_only")
"""Settings of a config that are no part of the experiment."""

OF_THE_CONFIG = ("captioner", "seed", "data_seed")
"""Facts of a test that the config has as well."""

TESTED_WITH = ("precision", "cells")
"""Facts of a test that change captions, beside decoding."""

LONGEST = 80
"""Letters of a value in the table of differences."""


def settings(run: Run) -> dict[str, str]:
    """What a reviewer asks first: class, adaptation, seed, epochs; what `test` used, not what was asked of training."""
    model = _mapping(run.config.get("model"))
    given, tested = _mapping(model.get("init_args")), next(iter(_tested(run).values()), {})
    decoding, cells = tested.get("decoding", given.get("decoding")), _mapping(tested.get("cells"))
    found = {
        "Class": str(model.get("class_path", "")).rsplit(".", 1)[-1],
        "Pretrained": given.get("pretrained"),
        "Adaptation": given.get("adaptation"),
        "Learning rate": given.get("learning_rate"),
        "Seed": run.config.get("seed_everything"),
        "Decoding": _decoding(_mapping(decoding)) if model or tested else None,
        "Image": f"{cells['size']} px, crop {cells['crop']:g}" if {"size", "crop"} <= set(cells) else None,
        "At most": f"{cells['limit']:,} cells a split" if cells.get("limit") else None,
    }
    if "epoch" in run.curves and len(run.curves):
        found["Epochs"] = int(run.curves["epoch"].max()) + 1
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def settings_differences(runs: Sequence[Run]) -> Table | None:
    """Everything that was recorded differently of several runs; None if nothing was."""
    told = {run.label: _recorded(run) for run in runs}
    names = sorted({name for facts in told.values() for name in facts})
    rows = [
        Row(name, [_short(facts.get(name)) for facts in told.values()])
        for name in names
        if len({json.dumps(facts.get(name), sort_keys=True, default=str) for facts in told.values()}) > 1
    ]
    if not rows:
        return None
    notes = ["Of `config.yaml` (training) and `provenance.json` (each set tested), what is not the same in all runs."]
    columns = [Column("", label) for label in told]
    return Table("differing_settings", "What differs between the runs", "Setting", columns, rows, notes, folded=True)


def _tested(run: Run) -> dict[str, Mapping[str, Any]]:
    """Give what was recorded of each set that was tested."""
    return {split: _mapping(run.provenance.get(split)) for split in run.described if split in run.provenance}


def _recorded(run: Run) -> dict[str, object]:
    """Give all that is known of a run, by dotted name."""
    config = {name: value for name, value in run.config.items() if name not in NOT_COMPARED}
    parts = {
        f"{split}: {name}": value
        for split, facts in _tested(run).items()
        for name, value in facts.items()
        if name not in OF_THE_CONFIG
    }
    return flat(config) | flat(parts)


def _short(value: object) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def origins(run: Run) -> list[str]:
    """Say in a line a part what a run was trained and tested with, as far as it was recorded."""
    lines = []
    for part, facts in run.provenance.items():
        packages = ", ".join(f"{name} {number}" for name, number in _mapping(facts.get("packages")).items() if number)
        commit = str(facts.get("commit") or "")[:10] + (" with changes" if facts.get("changed") else "")
        told = {
            "hemblip": facts.get("hemblip"),
            "commit": commit,
            "device": facts.get("device"),
            "precision": facts.get("precision"),
            "ranks": facts.get("ranks"),
            "seed": facts.get("seed"),
            "data": facts.get("data"),
            "reading rules": facts.get("extractor"),
            "packages": packages,
        }
        known = "; ".join(f"{name} {value}" for name, value in told.items() if value not in (None, ""))
        lines.append(f"{run.label}, {part}: {known}")
    return lines


def _decoding(given: Mapping[str, Any]) -> str:
    """Name what a captioner's decoding does, without the settings that change nothing."""
    from hemblip.models.decoding.settings import Decoding  # brings torch, which a table of captions does without

    names = {setting.name for setting in fields(Decoding)}
    known = {name: value for name, value in given.items() if name in names and value is not None}
    chosen = Decoding(**known).settings()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in chosen.items() if name != "do_sample")


def differing_tests(runs: Sequence[Run]) -> list[str]:
    """Warn of settings of `test`, as recorded with its rows, by which captions differ beside their captioner."""
    warnings = []
    decoding = {run.label: settings(run).get("Decoding") for run in runs if run.config or _tested(run)}
    if len(set(decoding.values())) > 1:
        warnings.append(
            f"Decoding settings differ between {', '.join(decoding)} (see the table of runs): differences between "
            "captioners may be differences of decoding."
        )
    for name in TESTED_WITH:
        found = {f"{run.label}, {split}": facts.get(name) for run in runs for split, facts in _tested(run).items()}
        values = {json.dumps(value, sort_keys=True): place for place, value in found.items()}
        if len(values) > 1:
            told = "; ".join(f"{place}: {value}" for value, place in values.items())
            warnings.append(f"Cells were described with different {name} ({told}).")
    return warnings


def check_same_cells(runs: Sequence[Run]) -> list[str]:
    """Make sure that scores of the runs can be compared.

    Returns:
        Warnings for the report: what differs without making a comparison impossible.

    Raises:
        DataError: two runs describe different cells of one split, or one cell with another group or annotation.
    """
    warnings = []
    for split in sorted({*PLACES, *(split for run in runs for split in run.described)}, key=order_of):
        place = place_of(split)
        having = [run for run in runs if split in run.described]
        lacking = [run.label for run in runs if split not in run.described]
        if having and lacking:
            warnings.append(f"{place} cells were not described by {', '.join(lacking)}: n/a in the tables.")
        for run in having[1:]:
            _check_pair(having[0], run, split)
            if (having[0].predictions(split)["reference"] != run.predictions(split)["reference"]).any():
                warnings.append(
                    f"{place} reference captions of {having[0].label} and {run.label} differ: "
                    "their BLEU, ROUGE-L and BERTScore are not comparable; attribute scores are."
                )
    return warnings


def _check_pair(first: Run, second: Run, split: str) -> None:
    one, other = first.predictions(split), second.predictions(split)
    ids, others = set(one["cell_id"]), set(other["cell_id"])
    if ids != others:
        odd = min(ids ^ others)
        raise DataError(
            f"{first.label} and {second.label} describe different {split} cells ({len(ids)} and {len(others)}, "
            f"{len(ids & others)} in both; '{odd}' only in {(first if odd in ids else second).label}); "
            "test both with the same data config"
        )
    for column in ("group", *TRUE_KEYS):  # groups are left out whole: other groups would be other intervals
        differs = one[column].fillna("") != other[column].fillna("")
        if differs.any():
            cell = one.loc[differs, "cell_id"].iloc[0]
            raise DataError(
                f"{first.label} and {second.label}: cell '{cell}' has {column.removeprefix(TRUE_PREFIX)} "
                f"'{one.loc[differs, column].iloc[0]}' in one and '{other.loc[differs, column].iloc[0]}' in the other; "
                "test both with the same data config"
            )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
