"""The settings of a folder that `export` wrote: what is kept of a captioner beside its weights, as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemblip.errors import CheckpointError

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

EXPORTED = "hemblip.json"
"""In such a folder: class, decoding, preparation of cells, and what training had."""


def exported_settings(captioner: "Captioner") -> dict[str, Any]:
    """What `load` needs beside the weights of an exported folder, ready for JSON."""
    settings = captioner.settings()
    kept = ("decoding", "system_prompt", "question", "image_size")
    chosen = {name: value for name, value in settings["init_args"].items() if name in kept}
    return {
        "class_path": settings["class_path"],
        "init_args": chosen,
        "cells": captioner.preparation.settings(),
        "taught": captioner.taught,
        "constants_taught": captioner.constants_taught,
        "asked": {key: choice.asked_temperature for key, choice in captioner.choices.items()},
        "captions": captioner.usual_captions,
    }


def exported_config(folder: Path) -> dict[str, Any]:
    """Settings of an exported folder, as the config of a run has them; its cells are those that `--images` names.

    Raises:
        CheckpointError: they are not as `export` writes them.
    """
    path = folder / EXPORTED
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        given = {**told["init_args"], "pretrained": str(folder), "adaptation": "full"}
        cells = {"image_size" if name == "size" else name: value for name, value in told["cells"].items()}
        source = {"class_path": "hemblip.data.sources.ImageFiles", "init_args": {"path": "."}}
        return {
            "name": folder.resolve().name,
            "model": {"class_path": told["class_path"], "init_args": given},
            "data": {"class_path": "hemblip.data.ExternalCells", "init_args": {**cells, "sources": [source]}},
            "taught": told["taught"],
            "constants_taught": bool(told.get("constants_taught", False)),
            "asked": dict(told.get("asked", {})),
            "captions": told.get("captions", []),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not as `export` wrote it ({error}); export the run again") from error
