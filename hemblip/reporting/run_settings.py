"""What a reviewer asks of a run first, and whether two runs can be compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from hemblip.errors import DataError
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_KEYS, TRUE_PREFIX
from hemblip.reporting.layout import Column, Row, Table
from hemblip.run import Run, flat
from hemblip.splits import PLACES, cells_of, order_of, place_of

NOT_COMPARED = ("name", "resume", "resume_point", "ckpt_path", "wandb", "group", "verbose", "weights_only")
"""Settings of a config that are no part of the experiment."""

OF_THE_CONFIG = ("captioner", "seed", "data_seed")
"""Facts of a test that the config has as well."""

PREPARED: Mapping[str, str] = {
    "size": "Image sizes",
    "crop": "Crops",
    "countermeasures": "Countermeasures against shortcuts",
}
"""Facts of how the cells of a test were prepared that change captions."""

LONGEST = 80
"""Letters of a value in the table of differences."""


def settings(run: Run) -> dict[str, str]:
    """What a reviewer asks first: class, adaptation, seed, epochs; what `test` used, not what was asked of training."""
    model = _mapping(run.config.get("model"))
    given, tested = _mapping(model.get("init_args")), _tested(run)
    found = {
        "Class": str(model.get("class_path", "")).rsplit(".", 1)[-1],
        "Pretrained": given.get("pretrained"),
        "Adaptation": given.get("adaptation"),
        "Learning rate": given.get("learning_rate"),
        "Seed": run.config.get("seed_everything"),
        "Decoding": _in_words({split: facts["Decoding settings"] for split, facts in _deciding(run).items()}),
        "Image": _in_words({split: _image(_mapping(facts.get("cells"))) for split, facts in tested.items()}),
        "At most": _in_words({split: _limit(_mapping(facts.get("cells"))) for split, facts in tested.items()}),
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


def _recorded_tests(run: Run) -> dict[str, Mapping[str, Any]]:
    """Give what was recorded of each set that was described, validation cells included."""
    return {"val": _mapping(run.provenance["val"])} | _tested(run) if "val" in run.provenance else _tested(run)


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
    """Warn of what captions depend on beside their captioner, where it is not the same for all sets of all runs."""
    told = {(run, split): facts for run in runs for split, facts in _deciding(run).items()}
    warnings = []
    for name in dict.fromkeys(name for facts in told.values() for name in facts):
        values = {place: facts[name] for place, facts in told.items() if name in facts}
        if len(set(values.values())) > 1:
            places = [f"{', '.join(_places(values, value))} ({value})" for value in dict.fromkeys(values.values())]
            warnings.append(
                f"{name} differ between {' and '.join(places)}: differences of scores may be differences of these."
            )
    for run in runs:
        weights = {split: facts.get("weights") for split, facts in _recorded_tests(run).items() if "weights" in facts}
        if len(set(weights.values())) > 1:
            parts = [
                " and ".join(cells_of(split) for split, other in weights.items() if other == digest)
                for digest in dict.fromkeys(weights.values())
            ]
            warnings.append(
                f"{run.label}: its sets were not described with the same weights ({'; '.join(parts)}); test all with "
                "one checkpoint."
            )
    return warnings


def _places(values: Mapping[tuple[Run, str], str], value: str) -> list[str]:
    """Name what has a value: a run, or one of its sets where not all of them have it."""
    runs = list(dict.fromkeys(run for run, _ in values))
    found = []
    for run in runs:
        having = [split for (other, split), each in values.items() if other is run and each == value]
        whole = len(having) == sum(other is run for other, _ in values)
        found += [run.label] if whole else [f"{run.label}, {cells_of(split)}" for split in having]
    return found


def _deciding(run: Run) -> dict[str, dict[str, str]]:
    """Give by set, in words, what captions depend on beside the captioner; what was asked of training if unrecorded."""
    found = {}
    for split, facts in _tested(run).items():
        cells = _mapping(facts.get("cells"))
        told = {"Decoding settings": _decoding(_mapping(facts.get("decoding")))}
        told |= {"Precisions": str(facts["precision"])} if "precision" in facts else {}
        found[split] = told | {words: _short(cells[name]) for name, words in PREPARED.items() if name in cells}
    if found or not run.config.get("model"):
        return found
    given = _mapping(_mapping(run.config["model"]).get("init_args"))
    return {"test": {"Decoding settings": _decoding(_mapping(given.get("decoding")))}}


def _in_words(by_split: Mapping[str, str | None]) -> str | None:
    """Give what is the same for all sets once, else by set."""
    known = {split: value for split, value in by_split.items() if value}
    if len(set(by_split.values())) > 1:
        return "; ".join(f"{cells_of(split)}: {value}" for split, value in known.items())
    return next(iter(known.values()), None)


def _image(cells: Mapping[str, Any]) -> str | None:
    return f"{cells['size']} px, crop {cells['crop']:g}" if {"size", "crop"} <= set(cells) else None


def _limit(cells: Mapping[str, Any]) -> str | None:
    return f"{cells['limit']:,} cells a split" if cells.get("limit") else None


def check_same_cells(models: Sequence[Sequence[Run]]) -> list[str]:
    """Make sure that scores of models can be compared: on each split they describe the same set of cells, or sets.

    Args:
        models: runs of each, one a seed; those whose splits have seeds of their own describe several sets.

    Returns:
        Warnings for the report: what differs without making a comparison impossible.

    Raises:
        DataError: two models describe different cells of one split, or one cell with another group or annotation.
    """
    runs = [run for seeds in models for run in seeds]
    warnings = []
    for split in sorted({*PLACES, *(split for run in runs for split in run.described)}, key=order_of):
        place = place_of(split)
        lacking = [run.label for run in runs if split not in run.described]
        having = [[run for run in seeds if split in run.described] for seeds in models]
        first, *others = [_by_cells(seeds, split) for seeds in having if seeds] or [{}]
        if first and lacking:
            warnings.append(f"{place} cells were not described by {', '.join(lacking)}: n/a in the tables.")
        for other in others:
            ours, theirs = (
                [run for cells, run in these.items() if cells not in those]
                for these, those in ((first, other), (other, first))
            )
            if ours or theirs:
                raise _different((ours or [*first.values()])[0], (theirs or [*other.values()])[0], split)
        for run in (run for seeds in having for run in seeds):
            _check_pair(one := first[_cells_of(run, split)], run, split)
            if (one.predictions(split)["reference"] != run.predictions(split)["reference"]).any():
                warnings.append(
                    f"{place} reference captions of {one.label} and {run.label} differ: "
                    "their BLEU, ROUGE-L and BERTScore are not comparable; attribute scores are."
                )
    return warnings


def annotated_by_some(runs: Sequence[Run], split: str) -> list[str]:
    """Name the attributes of a split that some runs hold no annotation of, and others do.

    What a trained captioner's training had one value of is not scored; of published weights nobody knows that.
    """
    known = [run.predictions(split)[list(TRUE_KEYS)].notna().any() for run in runs if split in run.described]
    return [key for key in KEYS if len({bool(each[TRUE_PREFIX + key]) for each in known}) > 1]


def _by_cells(runs: Sequence[Run], split: str) -> dict[tuple[str, ...], Run]:
    """Give the first run of each set of cells that runs describe."""
    return {_cells_of(run, split): run for run in reversed(runs)}


def _cells_of(run: Run, split: str) -> tuple[str, ...]:
    return tuple(run.predictions(split)["cell_id"])


def _different(first: Run, second: Run, split: str) -> DataError:
    ids, others = (set(_cells_of(run, split)) for run in (first, second))
    odd = min(ids ^ others)
    return DataError(
        f"{first.label} and {second.label} describe different {split} cells ({len(ids)} and {len(others)}, "
        f"{len(ids & others)} in both; '{odd}' only in {(first if odd in ids else second).label}); test both with the "
        "same data config, and with the same seeds of it"
    )


def _check_pair(first: Run, second: Run, split: str) -> None:
    one, other = first.predictions(split), second.predictions(split)
    both = [key for key in TRUE_KEYS if one[key].notna().any() and other[key].notna().any()]
    for column in ("group", *(both or TRUE_KEYS)):  # groups are left out whole: other groups would be other intervals
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
