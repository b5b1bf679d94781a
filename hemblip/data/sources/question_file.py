"""Images with questions and answers: JSON lines as those of PBSInstr (Wang et al., arXiv:2604.17570), or a table."""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemblip.data.records import QUESTION
from hemblip.data.sources.file_names import split_of
from hemblip.data.sources.source import Source, locate
from hemblip.data.tables import tables_in
from hemblip.morphology.questions import read_answer, understood

IMAGE_MARK = "<image>"
"""Where LLaVA's form puts the image into a question; each model has its own place and mark for it."""


class QuestionFile(Source):
    """Questions about images, each with its answer; a row a question.

    An answer that is a value of the attribute that its question is about counts as annotation of this attribute.

    Args:
        table: with `image`, `question` and `answer`, as `python -m hemblip questions` writes it too; or a folder, whose
            `metadata` files or Parquet files are read. Relative to `$HEMBLIP_DATA` if set.
        images: folder of the images; the table's own if empty.
        columns: what a column holds (image, question, answer, group, split) -> its name, where it has another one.
        name: of the source.
    """

    def __init__(
        self, table: str, images: str = "", columns: Mapping[str, str] | None = None, name: str = "questions"
    ) -> None:
        self.table, self.images, self.columns, self.name = table, images, columns, name

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        root = locate(self.table, "give a table with image, question and answer")
        rows: list[dict[str, object]] = []
        for path in tables_in(root):
            table = self.table_of(path, ("image", QUESTION, "answer"), self.columns)
            folder = locate(self.images, "give the folder of its images") if self.images else path.parent
            for number, record in enumerate(table.rows, 1):
                entry, file = f"{path.name} row {number}", record["image"]
                question, answer = record[QUESTION].replace(IMAGE_MARK, "").strip(), record["answer"]
                if not (question and answer):
                    self.exclude(entry, "no question" if not question else "no answer")
                elif image := self._image(entry, folder, file):
                    asked = understood(question)
                    value = read_answer(asked.key, answer) if asked and asked.values is None else None
                    rows.append(
                        {
                            **({asked.key: value} if asked and value else {}),
                            "cell_id": f"{self.name}/{file}?{number:06d}",
                            "image": image,
                            "source": self.name,
                            "group": f"{self.name}/{record.get('group') or file}",
                            "split": split_of(record.get("split") or ""),
                            "captions": [answer],
                            QUESTION: question,
                        }
                    )
        return self.manifest(rows, str(root))

    def _image(self, entry: str, folder: Path, file: str) -> str:
        """The image of an entry: a path from here as our own files have it, or below the folder."""
        there = os.path.isfile(file)  # noqa: PTH113 - it takes any name, too long or with NUL
        return file if there else self.image_of(entry, folder, file)
