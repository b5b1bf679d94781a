"""The vision encoder of a captioner as a backbone."""

from torch import Tensor

from hemblip.errors import ConfigError
from hemblip.models.captioner import Captioner, Pooling
from hemblip.probing.backbones import Backbone, best_device
from hemblip.run import Run


class VisionEncoder(Backbone):
    """The vision encoder of a captioner, as published or trained by us.

    Args:
        name: as the table names it, for example `BLIP Base`.
        captioner: any captioner with its settings, for its weights as published.
        run: run folder or checkpoint of a trained captioner, in place of `captioner`.
        pooling: see `Captioner.embed`.

    Raises:
        ConfigError: neither or both of `captioner` and `run` are given.
        CheckpointError: the run has no such checkpoint.
    """

    def __init__(
        self, name: str, captioner: Captioner | None = None, run: str | None = None, pooling: Pooling = "mean"
    ) -> None:
        if (captioner is None) == (run is None):
            raise ConfigError(f"backbone '{name}': give either `captioner`, for published weights, or `run`")
        chosen = Run.meant(run).captioner() if run is not None else captioner
        assert chosen is not None
        self.captioner = chosen.to(best_device()).eval()
        self.pooling = pooling
        super().__init__(name, self.captioner.image_size)

    def encode(self, images: Tensor) -> Tensor:
        """Embed by the captioner's own `embed`."""
        return self.captioner.embed({"images": images, "captions": [], "cell_ids": []}, self.pooling)
