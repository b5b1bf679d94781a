"""What kind of errors captions make, as tables: plausible and other errors, and captions that contradict themselves."""

from hemblip.metrics.incompatible import RULES, broken_pairs
from hemblip.morphology.schema import words
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.layout import Column, Estimate, Row, Table
from hemblip.reporting.paper_tables import basis, estimate, features, model_columns
from hemblip.reporting.statements import pair_in_words
from hemblip.splits import cells_of

KINDS = {"plausible": "Plausible", "other": "Other"}


def error_tables(comparison: Comparison) -> list[Table]:
    """Errors by kind for each set of cells, and captions that contradict themselves."""
    return [*(error_shares(comparison, split) for split in comparison.splits), contradiction_table(comparison)]


def error_shares(comparison: Comparison, split: str) -> Table:
    """Shares of annotated cells with a plausible and with another error, by attribute (%)."""
    names = {"": "All attributes together", **{f"/{key}": words(key) for key in features(comparison)}}
    rows = [
        Row(
            label,
            [
                estimate(comparison, who, split, f"{kind}{name}", percent=True)
                for who in comparison.contestants
                for kind in KINDS
            ],
        )
        for name, label in names.items()
    ]
    columns = [Column(who.name, kind, who.kind) for who in comparison.contestants for kind in KINDS.values()]
    notes = [
        *basis(comparison),
        "Plausible: a neighbouring value, which haematologists confuse as well; other: any other wrong value. Silence "
        "is in neither: it is omission.",
    ]
    title = f"Errors by kind, % of annotated cells – {cells_of(split)}"
    return Table(f"errors_{split}", title, "Feature", columns, rows, notes, folded=True)


def contradiction_table(comparison: Comparison) -> Table:
    """Share of captions that contradict themselves (%), and their number by the pair of statements."""
    places = [(who, split) for who in comparison.contestants for split in comparison.columns]
    counts = [_counts(who, split) for who, split in places]
    shares = [estimate(comparison, who, split, "contradicting", percent=True) for who, split in places]
    rows = [Row("Captions that contradict themselves, %", shares)]
    for pair in sorted({pair for count in counts if count for pair in count}):
        cells = [
            Estimate(None, reason=comparison.absence(who, split)) if count is None else _number(count.get(pair, 0))
            for (who, split), count in zip(places, counts, strict=True)
        ]
        rows.append(Row(pair, cells, section="Captions by the pair of statements"))
    notes = [*basis(comparison), "The pairs are counted in the captions of the first seed."]
    columns = model_columns(comparison.contestants, comparison.columns)
    title = "Statements that cannot both be true of one cell, within one caption"
    return Table("contradictions", title, "Statements", columns, rows, notes, folded=True)


def _counts(who: Contestant, split: str) -> dict[str, int] | None:
    """Captions by the pair of statements, in words; None without captions of these cells."""
    if split not in who.scored:
        return None
    return {
        pair_in_words({rule.key: one, rule.other: other}, rule): count
        for rule in RULES
        for (one, other), count in broken_pairs(who.scored[split].table, rule).items()
    }


def _number(count: int) -> Estimate:
    return Estimate(float(count), digits=0)
