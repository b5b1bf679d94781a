"""The vision encoder of a captioner as a backbone."""

from pathlib import Path

import torch
from torch import Tensor

from hemblip.errors import CheckpointError
from hemblip.models.captioner import Captioner
from hemblip.probing.backbones import Backbone, best_device


class VisionEncoder(Backbone):
    """The vision encoder of a captioner, as published or trained by us.

    Args:
        name: as the table names it, for example `BLIP Base`.
        captioner: any captioner, with its settings.
        checkpoint: of a run that trained `captioner`; None for its weights as published.

    Raises:
        CheckpointError: the checkpoint is missing or of another model.
    """

    def __init__(self, name: str, captioner: Captioner, checkpoint: str | None = None) -> None:
        if checkpoint is not None:
            load_weights(captioner, checkpoint)
        self.captioner = captioner.to(best_device()).eval()
        super().__init__(name, captioner.image_size)

    def encode(self, images: Tensor) -> Tensor:
        """Embed by the captioner's own `embed`."""
        return self.captioner.embed({"images": images, "captions": [], "cell_ids": []})


def load_weights(captioner: Captioner, checkpoint: str) -> None:
    """Put the weights of a training checkpoint into a captioner of the same settings.

    Raises:
        CheckpointError: the checkpoint is missing or of another model.
    """
    if not Path(checkpoint).is_file():
        raise CheckpointError(
            f"{checkpoint}: no such checkpoint; `fit` writes them to runs/<name>/<version>/checkpoints"
        )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    try:
        captioner.load_state_dict(state["state_dict"])
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{checkpoint}: not of this captioner ({reason}); give it the run's settings") from error
