"""Tables as people have them: CSV (also as Excel writes it), TSV, JSON Lines, Parquet; each cell read as clean text."""

import codecs
import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq

from hemblip.atomic import replacing
from hemblip.errors import ConfigError, DataError
from hemblip.plain_text import as_written, plain

KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cell_id": ("cell_id",),
        "image": ("image", "image_filename", "file_name", "filename", "image_path", "image_id", "image id", "img_name"),
        "caption": ("caption", "captions", "text", "true_description", "description"),
        "cell_type": ("cell_type", "label", "class", "category"),
        "source": ("source",),
        "group": ("group", "patient", "patient_id", "slide", "slide_id"),
        "split": ("split",),
    }
)
"""What a column holds -> names by which it is known, in any case; the first that a table has is taken."""

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")

JSON_SUFFIXES = (".jsonl", ".ndjson")

SUFFIXES = (*TEXT_SUFFIXES[:2], *JSON_SUFFIXES, ".parquet")
"""Of tables that are found by themselves."""

SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of .xlsx and .ods, and of .xls."""

UTF8 = "save it as CSV UTF-8 (in Excel: File > Save As > CSV UTF-8)"

UNPACKED = Path("data/images")
"""Where pictures that a table holds are written, relative to here, each under a digest of its bytes."""

END = "\x1e"
"""A last line that no table has: where it is not found again, a quotation mark before it is open."""

Note = Callable[[str, str], object]
"""Takes a row that cannot be read, and why."""


@dataclass(frozen=True)
class Table:
    """Rows of a table.

    Args:
        rows: column name as written -> text; besides, what is known of the row (see `KNOWN`) -> text.
        columns: names as written.
        known: of `KNOWN` and what was asked for -> the column that holds it.
    """

    rows: list[dict[str, str]]
    columns: list[str]
    known: dict[str, str] = field(default_factory=dict)


def read_table(
    path: Path, needed: Sequence[str] = (), columns: Mapping[str, str] | None = None, note: Note | None = None
) -> Table:
    """Read a table as text, without white space around its values.

    Missing values are empty, lists and mappings are JSON. Pictures are unpacked, and their value is the file's path.

    Args:
        path: of the file.
        needed: names of `KNOWN`, or of columns, that the table must have.
        columns: name of `KNOWN` or of a column that is asked for -> the name that it has in this table.
        note: told each row that cannot be read; None ends with the first.

    Raises:
        DataError: it is no table, or a column is missing.
        ConfigError: `columns` names what no table is asked for.
    """
    odd = [name for name in columns or {} if name not in KNOWN and name not in needed]
    if odd:
        raise ConfigError(f"columns: '{odd[0]}' is not known; there are {', '.join(dict.fromkeys([*needed, *KNOWN]))}")

    def refuse(row: str, reason: str) -> None:
        if note is None:
            raise DataError(f"{path}: {row}: {reason}; correct it")
        note(f"{path.name} {row}", reason)

    names, values = _read(path, refuse)
    known = _known(path, names, needed, columns or {})
    missing = [name for name in needed if name not in known]
    if missing:
        way = f"; rename it or set `columns: {{{missing[0]}: <its name>}}`" if missing[0] in KNOWN else ""
        raise DataError(f"{path}: missing column {', '.join(missing)}; found {', '.join(names)[:500]}{way}")
    picture, table = known.get("image"), Table([], names, known)
    for row in values:
        if picture is not None and (content := _picture(row.get(picture))):
            row = {**row, picture: str(_unpacked(*content))}
        written = {name: _text(row.get(name)) for name in names}
        table.rows.append(written | {name: written[column] for name, column in known.items()})
    return table


def texts(value: str) -> list[str] | None:
    """The captions that a value is: one, or several as a JSON list; None if it is something else."""
    if value[:1] not in ("[", "{"):
        return [value] if value else []
    try:
        several = json.loads(value)
    except (ValueError, RecursionError):
        return [value]
    if not isinstance(several, list) or not all(isinstance(text, str) for text in several):
        return None
    return [text.strip() for text in several if text.strip()]


def tables_in(path: Path) -> list[Path]:
    """A table itself; of a folder, the `metadata` files of Hugging Face's imagefolder, or else the Parquet files.

    Raises:
        DataError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    for pattern in ("metadata.*", "*.parquet"):
        if found := [file for file in sorted(path.rglob(pattern)) if file.suffix in SUFFIXES]:
            return found
    raise DataError(
        f"{path}: no table; looked for metadata.csv, metadata.jsonl and Parquet files, give the table itself"
    )


def _known(path: Path, names: Sequence[str], needed: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): name for name in reversed(names)}
    known = {name: name for name in needed if name in names}
    for name, aliases in KNOWN.items():
        found = [name for name in (name, *(lower.get(alias, "") for alias in aliases)) if name in names]
        known |= {name: found[0]} if found else {}
    for name, written in columns.items():
        if written not in names:
            raise DataError(f"{path}: missing column {written} (columns: {name}); found {', '.join(names)[:500]}")
        known[name] = written
    return known


def _read(path: Path, refuse: Note) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    """Column names and rows."""
    kind = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"{path}: no such table")
    try:
        if kind == ".parquet":
            return _parquet(path)
        content = path.read_bytes()
        if content.startswith(SPREADSHEETS) or kind in (".xlsx", ".xls", ".ods"):
            raise DataError(f"{path}: a spreadsheet, which is not read; {UTF8}")
        text = _decoded(content, path).replace("\0", "")
        if kind in JSON_SUFFIXES:
            return _json_lines(path, text, refuse)
        if kind in TEXT_SUFFIXES:
            return _delimited(path, text, refuse)
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: not a readable {kind[1:].upper()} ({error})") from error
    raise DataError(f"{path}: tables end in {', '.join(SUFFIXES)}; {UTF8}")


def _decoded(content: bytes, path: Path) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    for encoding, zeros in (("utf-16-le", content[1:400:2]), ("utf-16-be", content[:400:2])):
        if len(zeros) > 1 and zeros.count(0) > 0.8 * len(zeros):  # Latin letters, without a byte order mark
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a readable table, neither UTF-8 nor Windows-1252 ({error}); {UTF8}") from error
    if not re.search("[\x01-\x08\x0e-\x1a\x1c-\x1f]", text.replace("\0", "")[:4000]):
        print(f"note: {path}: not UTF-8, read as Windows-1252; if letters come out wrong, {UTF8}", file=sys.stderr)
        return text
    raise DataError(f"{path}: not a readable {path.suffix[1:].upper()}, its bytes are no text; {UTF8}")


def _delimited(path: Path, text: str, refuse: Note) -> tuple[list[str], list[Mapping[str, Any]]]:
    first, _, rest = text.lstrip("\r\n").partition("\n")
    if re.fullmatch(r"sep=.\s*", first):  # Excel's own first line
        text, first = rest, rest.partition("\n")[0]
    if not first.strip():
        raise DataError(f"{path}: not a readable CSV (empty)")
    bare = re.sub(r'"[^"]*"', "", first)
    delimiter = max(",;\t|", key=bare.count)
    lines = csv.reader(io.StringIO(f"{text}\n{END}", newline=""), delimiter=delimiter, skipinitialspace=True)
    names = [name.strip() for name in next(row for row in lines if any(row))]
    repeated = [name for number, name in enumerate(names) if name and name in names[:number]]
    if repeated:
        raise DataError(f"{path}: column '{repeated[0]}' is there twice; keep one")
    rows: list[Mapping[str, Any]] = []
    start, row = lines.line_num, names
    for row in lines:
        if any(map(str.strip, row[len(names) :])):
            refuse(f"line {start + 1}", f"{len(row)} values for {len(names)} columns")
        elif any(map(str.strip, row)) and row != [END]:
            rows.append(dict(zip(names, row, strict=False)))
        end, start = start, lines.line_num
    if row != [END]:
        raise DataError(f"{path}: not a readable CSV (the quotation mark in line {end + 1} is not closed); close it")
    return [name for name in names if name], rows


def _json_lines(path: Path, text: str, refuse: Note) -> tuple[list[str], list[Mapping[str, Any]]]:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            refuse(f"line {number}", "no JSON object")
        elif row:
            rows.append(row)
    if not rows:
        raise DataError(f"{path}: not readable JSON Lines; each line is one row, {{...}}")
    return list(dict.fromkeys(name for row in rows for name in row)), rows


def _parquet(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """Rows are read while they are used: pictures in them may be larger than the memory."""
    try:
        file = pq.ParquetFile(path)
        names = list(map(str, file.schema_arrow.names))
        classes = _class_names(file.schema_arrow.metadata or {})
    except Exception as error:  # the decoder raises many kinds for damaged files
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error

    def rows() -> Iterator[Mapping[str, Any]]:
        batches = file.iter_batches(256)
        while True:
            try:
                batch = next(batches, None)
                several = [] if batch is None else batch.to_pylist()
            except Exception as error:  # see above; dates beyond the calendar among them
                raise DataError(f"{path}: not a readable Parquet file ({error})") from error
            if batch is None:
                return
            for row in several:
                yield row | {name: _class(row.get(name), named) for name, named in classes.items()}

    return names, rows()


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Names of the numbers in label columns, as Hugging Face's datasets keeps them in the file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: feature["names"] for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _class(number: object, names: list[str]) -> object:
    return names[number] if isinstance(number, int) and 0 <= number < len(names) else number


def _text(value: object) -> str:
    if value is None or value != value:  # NaN is not itself
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, (list, dict)):
        value = json.dumps(value, default=lambda other: None if isinstance(other, bytes) else str(other))
    return as_written(plain(str(value).encode("utf-8", errors="replace").decode()).strip())


def _picture(value: object) -> tuple[bytes, str] | None:
    """Bytes and name of a picture that stands in a table, as Hugging Face's datasets write it."""
    held, name = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, "")
    if isinstance(held, bytes) and held:
        return held, Path(str(name or "")).name
    return None


def _unpacked(content: bytes, name: str) -> Path:
    digest, suffix = hashlib.sha256(content).hexdigest()[:20], Path(name).suffix.lower()
    path = UNPACKED.absolute() / f"{digest}{suffix if re.fullmatch('[.][a-z]{3,4}', suffix) else '.png'}"
    if not path.is_file():
        fix = "pictures of tables are unpacked there; work in a folder with room"
        with replacing(path, fix, one_of_many=True) as partial:
            partial.write_bytes(content)
    return path
