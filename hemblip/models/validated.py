"""What validation showed of a captioner's confidences, for those who describe with it."""

import json
from dataclasses import asdict
from pathlib import Path

from hemblip.metrics.asked import Choice, choose, is_asked
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import weights_digest
from hemblip.run import Run


def validated_otherwise(run: Run, captioner: Captioner, checkpoint: str | Path | None) -> str | None:
    """Name what the run's validation cells were described with and the captioner has not: other weights or decoding.

    Args:
        run: of the validation cells.
        captioner: as it describes now.
        checkpoint: that its weights are of; None for the base model's own.

    Returns:
        `weights` or `decoding`; None if both are the same, or it is not known what they were.
    """
    made = run.provenance.get("val", {})
    now = {
        "weights": weights_digest(checkpoint),
        "decoding": json.loads(json.dumps(asdict(captioner.decoding))),
    }
    return next((name for name, value in now.items() if name in made and made[name] != value), None)


def choices_of(run: Run, captioner: Captioner, checkpoint: str | Path | None) -> dict[str, Choice]:
    """Give the attributes whose statements get an asked confidence, because validation showed that it is the better.

    An exported captioner has them with it. None of them if the validation cells were not asked about, or were described
    otherwise.

    Args:
        run: of the validation cells.
        captioner: as it describes now.
        checkpoint: see `validated_otherwise`.
    """
    if run.exported:
        return {key: Choice(True, None, temperature) for key, temperature in run.config["asked"].items()}
    if (rows := run.validation) is None or not is_asked(rows) or validated_otherwise(run, captioner, checkpoint):
        return {}
    return {key: choice for key, choice in choose(rows).items() if choice.asked}
