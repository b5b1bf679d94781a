"""The vision encoder of a captioner as a backbone."""

from torch import Tensor

from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import load_weights
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
