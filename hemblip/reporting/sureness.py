"""How sure captioners are and how right: calibration, temperature scaling, abstention at a chosen risk."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.abstention import abstain, area_under_risk, fit_thresholds, foreign, leave_out, promise
from hemblip.metrics.asked import Choice, choose, is_asked, told_and_asked
from hemblip.metrics.calibration import calibrated, expected_calibration_error, fit_temperatures, judged
from hemblip.metrics.verdicts import Verdict, Verdicts, annotated, can_be_judged, verdict_matrix, verdicts_of
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.predictions import CONFIDENCE_KEYS, annotated_keys
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.layout import Column, Estimate, Row, Table
from hemblip.splits import place_of

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

NAMED = 3
"""Attributes, types and pairs of values that a sentence names."""

NO_CONFIDENCES = "no statement with a confidence is about an annotated attribute"

NO_VALIDATION = "no validation predictions with confidences; run `python -m hemblip validate`"


def has_statement_confidences(table: pd.DataFrame | None) -> bool:
    """Whether rows say how sure each statement is, not only each caption."""
    return table is not None and set(CONFIDENCE_KEYS) <= set(table.columns)


def statements(table: pd.DataFrame) -> tuple[Values, Flags]:
    """Confidence (S,) and rightness (S,) of all statements about annotated attributes.

    Where rows do not say how sure a statement is, its caption's confidence stands for it.
    """
    parts = []
    for key in annotated_keys(table):
        if has_statement_confidences(table):
            parts.append(judged(table, key))
            continue
        verdict = verdicts_of(table, key)
        sure = table["confidence"].to_numpy(dtype=np.float64, na_value=np.nan)
        usable = can_be_judged(verdict) & ~np.isnan(sure)
        parts.append((sure[usable], (verdict == Verdict.RIGHT)[usable]))
    if not parts:
        return np.empty(0), np.empty(0, dtype=bool)
    return np.concatenate([sure for sure, _ in parts]), np.concatenate([right for _, right in parts])


def confidence_table(comparison: Comparison) -> Table | None:
    """Calibration and abstention of each captioner, the first seed; None if no caption carries a confidence."""
    rows = []
    for model in comparison.models:
        cells: list[Estimate | str] = []
        for split in comparison.columns:
            cells += _figures(comparison, model, split)
        if any(isinstance(cell, Estimate) and cell.value is not None for cell in cells):
            rows.append(Row(model.name, cells))
    if not rows:
        return None
    names = ("ECE", "ECE, scaled", "AURC", f"Kept at {comparison.risk:.0%} risk", "wrong of those")
    columns = [Column(place_of(split), name) for split in comparison.columns for name in names]
    notes = [
        "ECE: expected calibration error, the mean gap between confidence and accuracy of statements; scaled: after "
        "temperature scaling on validation cells. AURC: area under the risk-coverage curve, smaller is better.",
        "Kept: share (%) of annotated attributes still stated when a caption leaves out what it is not sure enough of, "
        f"with thresholds chosen on validation cells so that at most {comparison.risk:.0%} of the statements are "
        "wrong; beside it the share (%) that is wrong on these cells.",
        *dict.fromkeys(
            promise(model.validation, comparison.risk)
            for model in comparison.models
            if model.validation is not None and has_statement_confidences(model.validation)
        ),
    ]
    return Table("calibration", "Confidence of captions", "Model", columns, rows, notes)


def _figures(comparison: Comparison, model: Contestant, split: str) -> list[Estimate]:
    if split not in model.scored:
        return [Estimate(None, reason=comparison.absence(model, split))] * 5
    table, validation = model.scored[split].table, model.validated(split)
    sure, right = statements(table)
    if not len(sure):
        return [Estimate(None, reason=NO_CONFIDENCES)] * 5
    found = [_known(expected_calibration_error(sure, right)), None, _known(area_under_risk(sure, right)), None, None]
    if validation is None or (left := _left(comparison, model, split)) is None:
        missing = Estimate(None, reason=NO_VALIDATION)
        return [missing if figure is None else figure for figure in found]
    scaled = statements(calibrated(table, fit_temperatures(validation)))
    found[1] = _known(expected_calibration_error(*scaled))
    kept, wrong = _shares(left)
    found[3] = Estimate(kept, percent=True, digits=1, reason=NO_CONFIDENCES)
    found[4] = Estimate(wrong, percent=True, digits=1, reason="nothing is sure enough to be stated")
    return [figure for figure in found if figure is not None]


def asked_table(comparison: Comparison) -> Table | None:
    """Told and asked confidence of each attribute, and which one is used; None if no captioner was asked."""
    having = [model for model in comparison.models if model.run is not None and is_asked(model.run.validation)]
    splits = [split for split in comparison.splits if any(split in model.scored for model in having)]
    rows = []
    for model in having:
        assert model.run is not None and model.run.validation is not None
        choices = choose(model.run.validation)
        for key in KEYS:
            cells: list[Estimate | str] = []
            for split in splits:
                cells += _both(model, split, key, choices[key])
            if any(isinstance(cell, Estimate) and cell.value is not None for cell in cells):
                used = "asked" if choices[key].asked else "told"
                rows.append(Row(words(key), [*cells, used], section=model.name if len(having) > 1 else ""))
    if not rows:
        return None
    names = ("told, AUROC", "asked, AUROC", "told, ECE", "asked, ECE")
    columns = [*(Column(place_of(split), name) for split in splits for name in names), Column("", "used")]
    notes = [
        "Told: probability of the words that state it, given those before. Asked: probability of the value among all "
        "values of the attribute, in the caption's own form, all else the same. AUROC: of right against wrong "
        "statements; ECE: expected calibration error; both scaled by temperatures of validation cells. Used: which one "
        "is the confidence of statements, by AUROC on validation cells; by ECE where all of these are right.",
    ]
    return Table("asked", "Confidence told and asked", "Attribute", columns, rows, notes)


def kinds_told(choices: Mapping[str, Choice]) -> str:
    """Say in a sentence which confidence statements have; empty where that of their words is all there is."""
    asked = [words(key) for key in KEYS if key in choices and choices[key].asked]
    if not asked:
        return ""
    return (
        f"Confidence, as validation chose: asked about the cell for {', '.join(asked)}; for other attributes the "
        "probability of the words."
    )


def _both(model: Contestant, split: str, key: str, choice: Choice) -> list[Estimate]:
    if split not in model.scored or model.run is None or not is_asked(table := model.run.predictions(split)):
        return [Estimate(None, reason="these cells were not asked about")] * 4
    told, asked = told_and_asked(table, key, choice)
    figures = (told.auroc, asked.auroc, told.ece, asked.ece)
    return [Estimate(figure, reason="no statement, or none that is wrong") for figure in figures]


def shortened_captions(comparison: Comparison) -> pd.DataFrame:
    """Captions that leave out what they are not sure enough of, of captioners that were validated; the first seed.

    Returns:
        One row a cell and captioner: `model`, `split`, `cell_id`, `caption` as generated, and `shortened`, which aims
        at no more than `comparison.risk` of its statements wrong.
    """
    parts = []
    for model in comparison.models:
        for split, scored in model.scored.items():
            validation = model.validated(split)
            if has_statement_confidences(validation) and has_statement_confidences(scored.table):
                assert validation is not None
                thresholds = fit_thresholds(validation, comparison.risk)
                rest = abstain(scored.table, thresholds)
                told = scored.table[["cell_id", "caption"]].assign(model=model.name, split=split)
                parts.append(told.assign(shortened=rest["caption"]))
    columns = ["model", "split", "cell_id", "caption", "shortened"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _known(value: float | None) -> Estimate:
    return Estimate(value, reason=NO_CONFIDENCES)


def kept_promise(comparison: Comparison, model: Contestant, split: str) -> str:
    """Say in a sentence whether the risk that is aimed at holds on a set of cells; empty where this is not known."""
    if (left := _left(comparison, model, split)) is None:
        return ""
    kept, wrong = _shares(left)
    if kept is None or wrong is None:
        return ""
    shares = {words(key).lower(): _shares(left[:, [place]])[1] or 0.0 for place, key in enumerate(KEYS)}
    broken = sorted((-share, name) for name, share in shares.items() if share > comparison.risk)
    told = (
        f"Captions that leave out what is not sure enough for at most {comparison.risk:.0%} wrong state "
        f"{100 * kept:.0f}\u00a0% of what is annotated, and {100 * wrong:.1f}\u00a0% of that is wrong"
    )
    if broken:
        named = ", ".join(f"{name} {-share:.0%}" for share, name in broken[:NAMED])
        told += f"; more than promised of {named}: the promise is for cells like those of validation"
    told += "."
    if far := int(foreign(model.scored[split].table).sum()):
        told += f" Of {far:,} cells that are unlike the training cells they state nothing."
    return told


def _left(comparison: Comparison, model: Contestant, split: str) -> Verdicts | None:
    """Verdicts (N, 15) of what is still stated at the risk; None without confidences."""
    table, validation = model.scored[split].table, model.validated(split)
    if validation is None or not (has_statement_confidences(validation) and has_statement_confidences(table)):
        return None
    return verdict_matrix(leave_out(table, fit_thresholds(validation, comparison.risk))[0])


def _shares(judged: Verdicts) -> tuple[float | None, float | None]:
    """Share of annotated attributes that are stated, and share wrong of those."""
    known, made = int(annotated(judged).sum()), int(can_be_judged(judged).sum())
    wrong = made - int((judged == Verdict.RIGHT).sum())
    return (made / known if known else None), (wrong / made if made else None)
