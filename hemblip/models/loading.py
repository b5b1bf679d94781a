"""`hemblip.load`: a captioner as it was left by a run, in a checkpoint or in an exported folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser

from hemblip.errors import CheckpointError
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import Familiarity
from hemblip.models.validated import choices_of
from hemblip.run import Run


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
    captioner.choices = choices_of(run, captioner, run.checkpoint)
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
