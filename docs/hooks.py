"""What mkdocs writes into pages: the table of published sources."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SOURCES = "<!-- sources -->"
"""In a page: where the table goes."""


def sources_table() -> str:
    """The table of `hemblip/data/downloads.yaml`."""
    lines = ["| name | what | licence | to get it |", "|---|---|---|---|"]
    known = yaml.safe_load((ROOT / "hemblip/data/downloads.yaml").read_text(encoding="utf-8"))
    for name, source in known.items():
        way = f"by hand: {source['person']}" if "person" in source else f"`python -m hemblip download {name}`"
        lines.append(f"| [`{name}`]({source['page']}) | {source['about']} | {source['licence']} | {way} |")
    return "\n".join(lines)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the table into the page that asks for it."""
    return markdown.replace(SOURCES, sources_table())
