"""What mkdocs writes into pages: the table of published sources."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SOURCES = "<!-- sources -->"
"""In a page: where the table goes."""


def sources_table() -> str:
    """The table of `hemblip/data/downloads.yaml`."""
    lines = ["| name | what | licence | size | checked by | to get it |", "|---|---|---|---|---|---|"]
    known = yaml.safe_load((ROOT / "hemblip/data/downloads.yaml").read_text(encoding="utf-8"))
    for name, source in known.items():
        way = f"by hand: {source['person']}" if "person" in source else f"`python -m hemblip download {name}`"
        sums = {"sha256": "SHA-256", "unpack": "the archive's own sums"}
        checks = [said for key, said in sums.items() if any(file.get(key) for file in source.get("files", []))]
        said = (source["about"], source["licence"], source.get("size", ""), ", ".join(checks), way)
        told = (f"[`{name}`]({source['page']})", *said)
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the table into the page that asks for it."""
    return markdown.replace(SOURCES, sources_table())
