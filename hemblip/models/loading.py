"""`hemblip.load`: a captioner as it was left by a run, in a checkpoint or in an exported folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser

from hemblip.errors import CheckpointError
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import Familiarity
from hemblip.models.validated import choices_of
from hemblip.run import EXPORTED, Run


def load(path: str | Path, device: str | None = None) -> Captioner:
    """Load a captioner that describes pictures: `load("wbcatt-compact").describe(["cell.png"])`.

    Args:
        path: a run folder (`runs/<name>` for its newest version), a checkpoint, a folder that `export` wrote, or the
            name of a captioner that comes with HemBLIP, `wbcatt-compact`.
        device: as torch names it; the first GPU where there is one, else the CPU.

    Raises:
        CheckpointError: it is none of them, or weights and settings do not belong together.
        ModelAccessError: the base model cannot be reached.
    """
    run = Run.meant(path)
    captioner = run.captioner()
    captioner.choices = choices_of(run, captioner, run.weights if run.weights.is_file() else None)
    captioner.familiarity = Familiarity.read(run.folder)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return captioner.to(torch.device(chosen)).eval()


def build(settings: Mapping[str, Any], origin: str) -> Captioner:
    """Make a captioner of its settings, `class_path` and `init_args`.

    Raises:
        CheckpointError: they fit no captioner; `origin`, where they come from, is named.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Captioner, "model")
    try:
        parsed = parser.parse_object({"model": dict(settings)})
    except ArgumentError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{origin}: its model cannot be built ({reason})") from error
    captioner: Captioner = parser.instantiate_classes(parsed).model
    return captioner


def exported_settings(captioner: Captioner) -> dict[str, Any]:
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
