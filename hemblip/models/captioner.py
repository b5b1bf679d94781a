"""What every captioner shares: losses over cells, optimiser, schedule."""

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple, Self

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from hemblip.data.dataset import Batch
from hemblip.data.transforms import derived_seed
from hemblip.errors import TrainingError
from hemblip.metrics.confidence import TokenScore, caption_confidence, token_scores
from hemblip.models.checkpoints import IDENTITY, check_checkpoint, identity, kept_weights
from hemblip.models.decoding import Decoding
from hemblip.models.trainable_parameters import TrainableParameters


class Description(NamedTuple):
    """A generated caption and its tokens."""

    caption: str
    tokens: list[TokenScore]


class Captioner(L.LightningModule, ABC):
    """A vision-language model that describes cells.

    Losses are means over caption tokens: of the global batch in training, of all cells, each once, in evaluation.

    Args:
        decoding: how captions are generated.
        learning_rate: of AdamW (paper: 5e-5).
        weight_decay: of matrices; norms and biases have none.
        warmup: share of all steps, 0 to 1, over which the learning rate rises from 0.
        schedule: after the warm-up, keep the learning rate or let it fall to 0 along a line or a half cosine.
    """

    image_size: int
    """Side of the square input in pixels."""

    tokenizer: Any
    """Of captions, from transformers."""

    pretrained: str
    """Hub id, folder, or `compact`."""

    revision: str | None
    """Commit of the base model's weights."""

    adaptation: str
    """`full` = everything trains and a checkpoint holds all weights; else it holds what trains."""

    frozen: tuple[str, ...] = ()
    """Names of modules that must not train."""

    def __init__(
        self,
        decoding: Decoding | None = None,
        learning_rate: float = 5e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.0,
        schedule: Literal["constant", "linear", "cosine"] = "constant",
    ) -> None:
        super().__init__()
        self.decoding = decoding or Decoding()
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.warmup, self.schedule = warmup, schedule
        self.strict_loading = False  # `on_load_checkpoint` compares names, and knows what LoRA leaves out
        self._losses: dict[str, tuple[float, int]] = {}

    @abstractmethod
    def loss_per_cell(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum the negative log-likelihoods of each cell's caption.

        Returns:
            Sums (B,) in nats and numbers of tokens (B,).
        """

    @abstractmethod
    def generate_tokens(self, batch: Batch) -> list[list[tuple[int, float]]]:
        """Generate each cell's caption: its token ids up to the end mark, each with its log-probability in nats."""

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """Average the vision encoder's patches: (B, D), before anything that the language model adds."""

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen parts stay in evaluation, because batch norms would learn without gradients."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def configure_callbacks(self) -> list[L.Callback]:
        """Show what trains, and hold to it."""
        return [TrainableParameters()]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the base model does not give, and name that model."""
        checkpoint["state_dict"] = kept_weights(self)
        checkpoint[IDENTITY] = identity(self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights of another model; see `check_checkpoint`."""
        check_checkpoint(checkpoint, self)

    def generate(self, batch: Batch) -> list[str]:
        """Describe each cell of a batch."""
        return [description.caption for description in self.describe(batch)]

    def describe(self, batch: Batch) -> list[Description]:
        """Describe each cell of a batch, and say how sure each token is."""
        descriptions = []
        for tokens in self.generate_tokens(batch):
            ids = [token for token, _ in tokens]
            prefixes = [ids[:end] for end in range(1, len(ids) + 1)]
            texts: list[str] = self.tokenizer.batch_decode(prefixes, skip_special_tokens=True)
            scores = token_scores(texts, [value for _, value in tokens])
            descriptions.append(Description(texts[-1].strip() if texts else "", scores))
        return descriptions

    def on_fit_start(self) -> None:
        """Remember the run's seed."""
        self._seed = torch.initial_seed()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout depend on the step alone: a resumed run drops what an uninterrupted one does."""
        torch.manual_seed(derived_seed(self._seed, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Mean loss over the caption tokens of the global batch.

        Raises:
            TrainingError: the loss is not finite.
        """
        nll, tokens = self.loss_per_cell(batch)
        total = tokens.sum()
        world = self.trainer.world_size
        if world > 1:
            torch.distributed.all_reduce(total)
        # DDP averages gradients over ranks: times `world` makes that the mean over all tokens.
        loss = nll.sum() * world / total
        if not torch.isfinite(loss):
            losses = zip(batch["cell_ids"], nll.tolist(), strict=True)
            bad = [cell for cell, value in losses if not math.isfinite(value)]
            raise TrainingError(
                f"loss is {loss.item()} in step {self.global_step} on cells {', '.join(bad or batch['cell_ids'])}; "
                "lower model.init_args.learning_rate, set trainer.gradient_clip_val, or check these cells"
            )
        self.log("train_loss", loss, prog_bar=True, batch_size=len(nll), sync_dist=True)
        return loss

    def on_validation_start(self) -> None:
        """Use one rank's running statistics on all: DDP brings them together in training steps only."""
        if self.trainer.world_size > 1:
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, 0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep each cell's loss."""
        self._keep_losses(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep each cell's loss."""
        self._keep_losses(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[dict[str, Any]]:
        """Describe each cell: rows of `cell_id`, `caption` and `confidence`."""
        return [
            {"cell_id": cell, "caption": text, "confidence": caption_confidence(tokens)}
            for cell, (text, tokens) in zip(batch["cell_ids"], self.describe(batch), strict=True)
        ]

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss`."""
        self._log_loss("val_loss", prog_bar=True)

    def on_test_epoch_end(self) -> None:
        """Log `test_loss`."""
        self._log_loss("test_loss")

    def _keep_losses(self, batch: Batch) -> None:
        nll, tokens = self.loss_per_cell(batch)
        for cell, value, count in zip(batch["cell_ids"], nll.tolist(), tokens.tolist(), strict=True):
            self._losses[cell] = (value, count)

    def _log_loss(self, name: str, prog_bar: bool = False) -> None:
        """Mean over tokens of all ranks' cells, gathered by id: a mean of ranks' means counts cells unequally."""
        gathered: list[dict[str, tuple[float, int]]] = [self._losses]
        if self.trainer.world_size > 1:
            gathered = [{} for _ in range(self.trainer.world_size)]
            torch.distributed.all_gather_object(gathered, self._losses)
        cells = {cell: loss for losses in gathered for cell, loss in losses.items()}
        nll = math.fsum(value for value, _ in cells.values())
        self.log(name, nll / max(1, sum(count for _, count in cells.values())), prog_bar=prog_bar, batch_size=1)
        self._losses = {}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over what trains; warm-up and schedule by step."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        groups = [
            {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": self.weight_decay},
            {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        rise = round(self.warmup * steps)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / (rise + 1)
            if self.schedule == "constant":
                return 1.0
            done = (step - rise) / max(1, steps - rise)
            return 1 - done if self.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}
