"""Tables of estimates as LaTeX, for a paper that loads the packages booktabs and graphicx, and no other."""

import re
import textwrap
import unicodedata

from hemblip.reporting.layout import BELOW, PUBLISHED, Estimate, Table

HEAD_WIDTH = 14
"""Characters of a column's heading on one line."""


def to_latex(table: Table) -> str:
    """Write a `table*`, no wider than the text; LaTeX numbers it, and why a figure is not available stands below it."""
    ends = "l" + "r" * len(table.columns)
    heads, rules, at = [], [], 2
    for group, span, kind in table.groups:
        mark = r"$^\dagger$" if kind == "published" else ""
        name = _stack([_tex(line) for line in textwrap.wrap(group, HEAD_WIDTH * span)] or [""], "c")
        heads.append(rf"\multicolumn{{{span}}}{{c}}{{{name}{mark}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + span - 1}}}")
        at += span
    lines = [
        r"\begin{table*}",
        r"\centering\small",
        rf"\caption{{{_tex(re.sub(r'^Table [0-9a-z]+[.] ', '', table.title))}}}",
        rf"\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{ends}}}",
        r"\toprule",
        f" & {' & '.join(heads)} \\\\",
        " ".join(rules),
        f"{_tex(table.corner)} & {' & '.join(_tex(column.name) for column in table.columns)} \\\\",
        r"\midrule",
    ]
    section = ""
    for row in table.rows:
        if row.section != section:
            lines += [r"\addlinespace"] if section else []
            section = row.section
            lines.append(rf"\multicolumn{{{len(table.columns) + 1}}}{{l}}{{\textit{{{_tex(section)}}}}} \\")
        label = _tex(row.label) + (r"$^\dagger$" if row.kind == "published" else "")
        lines.append(f"{label} & {' & '.join(map(_cell, row.cells))} \\\\")
    lines += [r"\bottomrule", r"\end{tabular}}"]
    notes = [*table.notes, *(f"n/a: {reason}." for reason in table.reasons)]
    lines += [rf"\par\footnotesize {_tex(note)}" for note in notes]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def _cell(cell: Estimate | str) -> str:
    if isinstance(cell, str):
        return _tex(cell)
    if cell.value is None:
        return "n/a"
    number = _tex(cell.number(cell.value)) + (r"$^\nabla$" if cell.below else "")
    small = " ".join(filter(None, [cell.over_seeds, cell.interval, cell.chance]))
    return _stack([number, rf"{{\scriptsize {_tex(small)}}}"], "r") if small else number


def _stack(lines: list[str], align: str) -> str:
    """Lines one above the other, the first on the row's line: a table of many columns stays legible."""
    return rf"\begin{{tabular}}[t]{{@{{}}{align}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"


_TEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": "$|$",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    PUBLISHED: r"$^\dagger$",
    BELOW: r"$^\nabla$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "–": "--",
    "≈": r"$\approx$",
    "<": "$<$",
    ">": "$>$",
    "\u00a0": "~",
    "\u00b5": r"$\mu$",  # the micro sign, not the letter
}

_CAPITALS = ("GAMMA", "DELTA", "THETA", "LAMDA", "XI", "PI", "SIGMA", "UPSILON", "PHI", "PSI", "OMEGA")
"""Greek capitals that LaTeX has commands for; the others look like Latin ones."""


def _tex(text: str) -> str:
    return "".join(_TEX[character] if character in _TEX else _letter(character) for character in text)


def _letter(character: str) -> str:
    """A Greek letter as a command; anything else as it is."""
    name = unicodedata.name(character, "")
    case, _, letter = name.removeprefix("GREEK ").partition(" LETTER ")
    plain = " " not in letter and letter not in ("", "OMICRON")
    if not name.startswith("GREEK ") or not plain or (case == "CAPITAL" and letter not in _CAPITALS):
        return character
    word = letter.replace("LAMDA", "LAMBDA")  # Unicode's spelling
    return f"$\\{word.lower() if case == 'SMALL' else word.capitalize()}$"
