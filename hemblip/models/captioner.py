"""What every captioner shares: losses over cells, optimiser, schedule."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, Self

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from PIL import Image
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hemblip.data.datamodules import CellDataModule, InternalCells
from hemblip.data.dataset import Batch
from hemblip.data.preparation import Picture, Preparation
from hemblip.data.records import QUESTION
from hemblip.data.taught import Taught, constant_keys, never_seen
from hemblip.data.transforms import derived_seed
from hemblip.errors import CheckpointError, ConfigError, TrainingError, check_range
from hemblip.metrics.asked import Choice
from hemblip.metrics.confidence import TokenScore, attribute_confidences, confidences, token_scores
from hemblip.models.answering import answer_losses
from hemblip.models.arguments import arguments_of
from hemblip.models.asking import answer, asked_confidences
from hemblip.models.caption_limits import CaptionLimits
from hemblip.models.checkpoints import IDENTITY, check_checkpoint, identity, kept_weights
from hemblip.models.consistency import consistent_tokens
from hemblip.models.decoding import GREEDY, Decoding, Generated
from hemblip.models.familiarity import Familiarity
from hemblip.models.frozen_tower import frozen_tower
from hemblip.models.loss_sums import LossSums, mean_loss
from hemblip.models.optimisation import Schedule, parameter_groups, rate_factor, set_rates
from hemblip.models.rewards import Rewards, self_critical
from hemblip.models.sharding import bring_together, spread
from hemblip.models.trainable_parameters import TrainableParameters
from hemblip.morphology import extract_attributes
from hemblip.morphology.spelling import printed
from hemblip.predictions import CONFIDENCE_PREFIX
from hemblip.ranks import gather
from hemblip.run import Run

TAUGHT = "hemblip_taught"
"""Entry of a checkpoint: the values of each attribute that training had."""

CONSTANTS = "hemblip_constants"
"""Entry of a checkpoint: whether attributes with one value in training were taught all the same."""

CAPTIONS = "hemblip_captions"
"""Entry of a checkpoint: usual captions of training, of which drafts are made; see `decoding.drafts`."""

CELLS = "hemblip_cells"
"""Entry of a checkpoint: how cells are prepared, see `Preparation.settings`."""

Pooling = Literal["mean", "first"]

LIGHTNINGS = ("map_location", "hparams_file", "strict", "weights_only")
"""Arguments of Lightning's own `load_from_checkpoint`; our checkpoints need none of them."""

SETTINGS = "hemblip_settings"
"""Entry of a checkpoint: class and settings of the captioner."""


class Generation(NamedTuple):
    """A generated caption and its tokens."""

    caption: str
    tokens: list[TokenScore]


@dataclass(frozen=True)
class Description:
    """What a captioner says of a picture.

    Attributes:
        caption: the text.
        attributes: the 15 schema keys, read from it; None is not stated.
        confidence: of each attribute that is stated, 0 to 1.
        unlike: share of the validation cells that are more like the training cells, 0 to 1; None if it is not known.
    """

    caption: str
    attributes: dict[str, str | None]
    confidence: dict[str, float]
    unlike: float | None = None


class _Encoded(NamedTuple):
    """Images of a batch and what they were encoded to."""

    images: Tensor | None
    features: Tensor | None


class Captioner(L.LightningModule, ABC):
    """A vision-language model that describes cells.

    Losses are means over caption tokens: of all cells of an optimiser step in training, whatever the number of ranks
    and accumulated batches; of all cells, each once, in evaluation.

    Args:
        decoding: how captions are generated.
        learning_rate: of AdamW (paper: 5e-5).
        weight_decay: of matrices; norms and biases have none.
        warmup: share of all steps, 0 to 1, over which the learning rate rises from 0.
        schedule: after the warm-up, keep the learning rate or let it fall to 0 along a line or a half cosine.
        rewards: reward captions for what they get right, after cross-entropy; None for cross-entropy alone.
    """

    image_size: int
    """Side of the square input in pixels."""

    tokenizer: Any
    """Of captions, from transformers."""

    caption_positions: int | None = None
    """Most tokens of a caption, with the marks at its start and end; None for no limit of its own."""

    pretrained: str
    """Hub id, folder, or `compact`."""

    revision: str | None
    """Commit of the base model's weights."""

    takes_features: bool = True
    """Whether it can be trained from features of its vision encoder; see `hemblip.data.kept_features`."""

    answers_questions: bool = False
    """Whether it reads the question of a row; else it can describe cells only."""

    vision_key: str | None = None
    """Model and content of an encoder that is not the base model's own."""

    label_smoothing: float = 0.0
    """Share of the target spread over all words in training."""

    adaptation: str
    """`full` = everything trains and a checkpoint holds all weights; else it holds what trains."""

    _settings: dict[str, Any]
    """Arguments that it was made with, as plain values."""

    frozen: tuple[str, ...] = ()
    """Names of modules that must not train."""

    def __init__(
        self,
        decoding: Decoding = GREEDY,
        learning_rate: float = 5e-5,
        weight_decay: float = 0.01,
        warmup: float = 0.0,
        schedule: Schedule = "constant",
        rewards: Rewards | None = None,
    ) -> None:
        super().__init__()
        self._settings = arguments_of(self)
        check_range("model.init_args.learning_rate", learning_rate, above=0)
        check_range("model.init_args.weight_decay", weight_decay, at_least=0)
        check_range("model.init_args.warmup", warmup, at_least=0, at_most=1)
        self.decoding = decoding
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.warmup, self.schedule, self.rewards = warmup, schedule, rewards
        self.strict_loading = False  # `on_load_checkpoint` compares names, and knows what LoRA leaves out
        self.taught: Taught | None = None
        self.constants_taught = False
        self.usual_captions: list[str] = []  # of training
        self.familiarity: Familiarity | None = None
        self.choices: Mapping[str, Choice] = {}  # attributes whose statements get an asked confidence
        self._shared: _Encoded | None = None  # the features of an evaluation's batch, while it lasts
        self._kept: torch.dtype | None = None  # of the features that batches bring
        self._pieces: dict[int, str] = {}  # what each token writes
        self.losses: dict[str, tuple[float, int]] = {}  # nats and tokens by cell, of the batch that is evaluated
        self.loss_sums = LossSums()
        self.not_finite: list[str] = []  # cells of this rank's evaluation without a loss
        self._step_loss = (0.0, 0.0)  # nats and tokens of the step so far, of all ranks

    def settings(self) -> dict[str, Any]:
        """Class and settings that it was made with, as a config has them."""
        return {"class_path": f"{type(self).__module__}.{type(self).__qualname__}", "init_args": dict(self._settings)}

    @cached_property
    def preparation(self) -> Preparation:
        """How cells are prepared: as training did, or whole if it is not known."""
        return Preparation(self.image_size)

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: str | Path, *_: Any, **changed: Any) -> Self:  # type: ignore[override]
        """Load a checkpoint of `fit`: its settings are in it, or in the run folder that it lies in.

        Args:
            checkpoint_path: file.
            **changed: settings of the captioner that are not the checkpoint's.

        Raises:
            CheckpointError: it cannot be read, belongs to no run, or is of another captioner.
        """
        changed = {name: value for name, value in changed.items() if name not in LIGHTNINGS}
        captioner = Run(checkpoint_path).captioner(**changed)
        if not isinstance(captioner, cls):
            raise CheckpointError(f"{checkpoint_path}: of a {type(captioner).__name__}, not of a {cls.__name__}")
        return captioner

    def loss_per_cell(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum the negative log-likelihoods of each cell's caption and its end.

        Returns:
            Sums (B,) in nats and numbers of tokens (B,).
        """
        answers = self.answer_ids(batch["captions"])
        smoothing = self.label_smoothing if self.training else 0.0
        return answer_losses(self.answer_logits(batch, answers), answers, self.tokenizer.pad_token_id, smoothing)

    @abstractmethod
    def answer_ids(self, captions: list[str]) -> Tensor:
        """Write captions with their end mark as token ids (B, A), right-padded with the padding token."""

    @abstractmethod
    def answer_logits(self, batch: Batch, answers: Tensor) -> Tensor:
        """Give the logits (B, A, words) that predict `answers` (B, A) of a batch's cells."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) into what the language model attends to: (B, P, D)."""

    @abstractmethod
    def generate_tokens(self, batch: Batch, chances: Tensor | None = None) -> list[list[Generated]]:
        """Generate each cell's caption: its token ids up to the end mark, each with its log-probability in nats.

        Args:
            batch: of B cells.
            chances: (B, longest caption), 0 to below 1: sample captions by these numbers; see `decoding.sampling`.
        """

    def generate_beams(self, batch: Batch) -> list[list[list[Generated]]]:
        """Generate each cell's captions, one a beam of the search, the best first; the best alone if that is all."""
        return [[tokens] for tokens in self.generate_tokens(batch)]

    @abstractmethod
    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Tensor:
        """Embed images (B, D) by the vision encoder, before anything that the language model adds.

        Args:
            batch: of images.
            pooling: average the patches, or take the encoder's first token, as the paper's released code does.
        """

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen parts stay in evaluation, because batch norms would learn without gradients."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def configure_callbacks(self) -> list[L.Callback]:
        """Show what trains, and hold to it; tell which captions do not fit."""
        return [TrainableParameters(), CaptionLimits()]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the base model does not give, and name that model."""
        checkpoint["state_dict"] = kept_weights(self)
        checkpoint[IDENTITY] = identity(self)
        checkpoint[TAUGHT], checkpoint[CONSTANTS] = self.taught, self.constants_taught
        checkpoint[SETTINGS] = self.settings()
        checkpoint[CAPTIONS] = self.usual_captions
        if "preparation" in vars(self):  # it is known
            checkpoint[CELLS] = self.preparation.settings()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights of another model; see `check_checkpoint`."""
        check_checkpoint(checkpoint, self)
        self.taught, self.constants_taught = checkpoint.get(TAUGHT), bool(checkpoint.get(CONSTANTS, False))
        self.usual_captions = checkpoint.get(CAPTIONS, [])
        if cells := checkpoint.get(CELLS):
            self.preparation = Preparation.of_settings(cells, "checkpoint")

    def untaught(self) -> list[str]:
        """Name the attributes that training had one value of: they are not scored, unless they were taught so.

        Of a captioner that was not trained, those that the training cells beside the tested ones have one value of: so
        it is scored as the trained ones that it is compared with.
        """
        taught, constants = self.taught, self.constants_taught
        cells = getattr(self._trainer, "datamodule", None)
        if taught is None and isinstance(cells, InternalCells):
            taught, constants = cells.taught(), cells.teach_constants
        return constant_keys(taught) if taught and not constants else []

    def annotations(self, batch: Batch, setting: str) -> list[dict[str, str]]:
        """Give the annotated values of a training batch's cells, of attributes that are taught.

        Raises:
            ConfigError: there are none; the setting that needs them is named.
        """
        if "annotations" not in batch:
            raise ConfigError(f"model.init_args.{setting}: these cells have no annotations to learn from; leave it out")
        untaught = set(self.untaught())
        return [{key: row[key] for key in row if key not in untaught} for row in batch["annotations"]]

    def never_seen(self) -> str:
        """Say in a sentence what training lacked; empty if it lacked nothing, or if that is not known."""
        return never_seen(self.taught) if self.taught else ""

    def features(self, batch: Batch) -> Tensor:
        """Encode a batch (B, P, D), in evaluation once: what its loss and its captions share."""
        if self._kept is not None and "features" in batch:
            return batch["features"].to(self.device, self._kept)
        if self._shared is None:
            return self.encode(batch["images"])
        if self._shared.images is not batch["images"]:
            self._shared = _Encoded(batch["images"], self.encode(batch["images"]))
        assert self._shared.features is not None
        return self._shared.features

    def on_validation_batch_start(self, *_: Any) -> None:
        """Share what is encoded."""
        self._shared = _Encoded(None, None)

    def on_validation_batch_end(self, *_: Any) -> None:
        """Forget what was encoded; callbacks have had their turn."""
        self._shared = None

    def on_test_batch_start(self, *_: Any) -> None:
        """Share what is encoded."""
        self.on_validation_batch_start()

    def on_test_batch_end(self, *_: Any) -> None:
        """Forget what was encoded."""
        self.on_validation_batch_end()

    @contextmanager
    def encoded_once(self, batch: Batch) -> Iterator[None]:
        """Encode a batch now, and use that wherever it is read for a while."""
        self._shared = _Encoded(batch["images"], self.features(batch))
        try:
            yield
        finally:
            self._shared = None

    @contextmanager
    def repeated(self, batch: Batch, times: int) -> Iterator[Tensor]:
        """Give what stands for each image `times` over, to be read with as many captions: it is encoded once."""
        features = self.features(batch).repeat_interleave(times, 0)
        before, images = self._shared, torch.empty(len(features), 0)
        self._shared = _Encoded(images, features)
        try:
            yield images
        finally:
            self._shared = before

    def answer(self, batch: Batch, key: str, captions: list[str] | None = None) -> Tensor:
        """Give the probability (B, V) of each value of an attribute; see `hemblip.models.asking`.

        Args:
            batch: of B cells.
            key: attribute with V values.
            captions: what it says of them; described first if left out.
        """
        with self._precision():
            return answer(self, batch, key, self.generate(batch) if captions is None else captions)

    def generate(self, batch: Batch) -> list[str]:
        """Describe each cell of a batch."""
        return [generation.caption for generation in self.describe_batch(batch)]

    def describe(self, pictures: Iterable[Picture], batch_size: int = 16) -> list[Description]:
        """Describe pictures; see `describe_each`."""
        return list(self.describe_each(pictures, batch_size))

    def describe_each(self, pictures: Iterable[Picture], batch_size: int = 16) -> Iterator[Description]:
        """Describe any number of pictures, one after the other, prepared as the cells of training were.

        Args:
            pictures: paths, Pillow images, or arrays (H, W, 3) of uint8, of one cell each.
            batch_size: pictures described at a time.

        Raises:
            ImageError: a file is no readable image; it is named.
        """
        if isinstance(pictures, str | Path | Image.Image):
            pictures = [pictures]
        self.eval()
        waiting = iter(pictures)
        while some := list(itertools.islice(waiting, batch_size)):
            images = torch.from_numpy(np.stack([self.preparation(picture) for picture in some]))
            batch: Batch = {
                "images": images.permute(0, 3, 1, 2).contiguous().to(self.device),
                "captions": [""] * len(some),
                "cell_ids": [str(number) for number in range(len(some))],
            }
            with torch.inference_mode(), self.encoded_once(batch) if self.choices else nullcontext():
                unlike, generations = self.unlike(batch), self.describe_batch(batch)
                asked = self._asked(batch, generations)
            for far, (caption, tokens), answered in zip(unlike, generations, asked, strict=True):
                sure = {**attribute_confidences(caption, tokens), **answered}
                known = {key: value for key, value in sure.items() if value is not None}
                yield Description(caption, extract_attributes(caption), known, far)

    def describe_batch(self, batch: Batch) -> list[Generation]:
        """Describe each cell of a batch, and say how sure each token is."""
        with self._precision():
            generated = consistent_tokens(self, batch) if self.decoding.consistent else self.generate_tokens(batch)
        generations = []
        for caption, tokens in zip(self.texts(generated), generated, strict=True):
            pieces = [self.piece(token.token) for token in tokens]
            scores = token_scores(caption, pieces, [token.log_probability for token in tokens])
            generations.append(Generation(caption, scores))
        return generations

    def _precision(self) -> AbstractContextManager[None]:
        """Compute as a step does: Lightning sets the precision around its steps only, and callbacks describe too."""
        return self._trainer.precision_plugin.forward_context() if self._trainer else nullcontext()

    def _asked(self, batch: Batch, generations: list[Generation]) -> list[dict[str, float]]:
        """Confidences of a batch's statements about attributes for which asking was chosen."""
        return asked_confidences(self, batch, [one.caption for one in generations], self.choices)

    def texts(self, generated: list[list[Generated]]) -> list[str]:
        """Write generated tokens as captions."""
        rows = [[token.token for token in tokens] for tokens in generated]
        return [printed(text) for text in self.tokenizer.batch_decode(rows, skip_special_tokens=True)]

    def piece(self, token: int) -> str:
        """Text that a token writes after another one; nothing if it is a special one."""
        if token not in self._pieces:
            first = self.tokenizer.convert_tokens_to_ids("a")
            self._pieces[token] = self.tokenizer.decode([first, token], skip_special_tokens=True).removeprefix("a")
        return self._pieces[token]

    @contextmanager
    def greedily(self) -> Iterator[None]:
        """Generate with one beam for a while: how captions change from epoch to epoch can be seen without more."""
        chosen = self.decoding
        self.decoding = replace(chosen, num_beams=1, consistent=False)
        try:
            yield
        finally:
            self.decoding = chosen

    def setup(self, stage: str) -> None:
        """Refuse questions where none are read.

        Raises:
            ConfigError: the cells bring questions, and the captioner answers none, or is rewarded for descriptions.
        """
        cells = getattr(self.trainer, "datamodule", None)
        if not isinstance(cells, CellDataModule) or QUESTION not in cells.rows:
            return
        fix = "set data.init_args.questions to false and leave sources of questions out"
        if not self.answers_questions:
            raise ConfigError(
                f"{type(self).__name__} describes cells and answers no questions; take one that does, or {fix}"
            )
        if stage == "fit" and self.rewards is not None:
            raise ConfigError(
                f"model.init_args.rewards are for descriptions, not for answers; leave them out, or {fix}"
            )

    def on_fit_start(self) -> None:
        """Remember the run's seed, and what its cells teach."""
        self._seed, self._kept = torch.initial_seed(), None
        if isinstance(cells := self.trainer.datamodule, InternalCells):  # type: ignore[attr-defined]
            self.preparation = cells.preparation
            self.taught, self.constants_taught = cells.taught(), cells.teach_constants
            self.usual_captions = cells.usual_captions()
            if cells.kept_features is not None:
                tower = frozen_tower(self)
                cells.keep_features(tower)
                self._kept = tower.kind

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout depend on the step alone: a resumed run drops what an uninterrupted one does."""
        torch.manual_seed(derived_seed(self._seed, self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum the losses of a batch; `on_before_optimizer_step` divides by the tokens of the step.

        Raises:
            TrainingError: a loss is not finite; on all ranks.
        """
        nll, tokens = self._training_losses(batch)
        sums = torch.stack([nll.detach().sum(), tokens.sum()])
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(sums)
        total, count = sums.tolist()
        if not math.isfinite(total):
            cells = ", ".join(itertools.chain(*gather(_not_finite(batch, nll))))
            self._stop(
                f"loss is {total} in step {self.global_step} on cells {cells}; lower model.init_args.learning_rate, "
                "set trainer.gradient_clip_val, or check these cells"
            )
        self._step_loss = (self._step_loss[0] + total, self._step_loss[1] + count)
        self.log("train_loss", self._step_loss[0] / self._step_loss[1], prog_bar=True, batch_size=len(nll))
        return nll.sum()

    def _training_losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Losses (B,) whose gradients train, and the tokens (B,) that they are divided by."""
        if self.rewards is None or self.current_epoch < self.rewards.after:
            return self.loss_per_cell(batch)
        found = self_critical(self, batch, self.rewards, (self._seed, self.current_epoch))
        # Ranks have as many cells each: the mean of their means is the mean.
        logged = {"train_reward": found.greedy.mean(), "sampled_reward": found.sampled.mean()}
        self.log_dict(
            {name: value.to(self.device) for name, value in logged.items()},
            batch_size=len(found.greedy),
            sync_dist=self.trainer.world_size > 1,
        )
        return found.losses, found.tokens

    def _stop(self, message: str) -> NoReturn:
        """End this rank, as all do, with one message: a rank that waits for another would bury it."""
        if not self.trainer.is_global_zero:
            raise SystemExit(TrainingError.exit_code)
        raise TrainingError(message)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Turn gradients of sums into those of the mean over the step's tokens, before they are clipped.

        A mean of means, over batches and ranks, would weigh the words of short captions more.
        """
        # Lightning has divided by the number of batches, the strategy by that of ranks.
        scale = self.trainer.accumulate_grad_batches * self.trainer.world_size / self._step_loss[1]
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(scale)
        self._step_loss = (0.0, 0.0)

    def on_validation_start(self) -> None:
        """Use one rank's running statistics on all: DDP brings them together in training steps only."""
        if self.trainer.world_size > 1:
            for buffer in self.buffers():
                torch.distributed.broadcast(buffer, 0)
        bring_together(self)

    def on_test_start(self) -> None:
        """Evaluate with whole weights."""
        bring_together(self)

    def on_predict_start(self) -> None:
        """Describe with whole weights."""
        bring_together(self)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count each cell's loss."""
        self._count_losses(batch, first=batch_idx == 0)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count each cell's loss."""
        self._count_losses(batch, first=batch_idx == 0)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[dict[str, Any]]:
        """Describe each cell: rows of `cell_id`, `caption`, confidences, and `flaw` of its image."""
        flaws, unlike = batch.get("flaws", {}), self.unlike(batch)
        generations = self.describe_batch(batch)
        rows = []
        for cell, (text, tokens), far, asked in zip(
            batch["cell_ids"], generations, unlike, self._asked(batch, generations), strict=True
        ):
            sure = {**confidences(text, tokens), **{CONFIDENCE_PREFIX + key: value for key, value in asked.items()}}
            rows.append({"cell_id": cell, "caption": text, **sure, "unlike": far, "flaw": flaws.get(cell)})
        return rows

    def unlike(self, batch: Batch) -> list[float | None]:
        """Say what share of the validation cells is more like the training cells than each cell; None if not known."""
        if self.familiarity is None:
            return [None] * len(batch["images"])
        found: list[float | None] = self.familiarity.quantile(self.embed(batch).cpu().numpy()).tolist()
        return found

    def on_predict_batch_start(self, *_: Any) -> None:
        """Share what is encoded."""
        self.on_validation_batch_start()

    def on_predict_batch_end(self, *_: Any) -> None:
        """Forget what was encoded."""
        self.on_validation_batch_end()

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss`, and go back to spread weights before they are saved."""
        self._log_loss("val_loss", prog_bar=True)
        spread(self)

    def on_test_epoch_end(self) -> None:
        """Log `test_loss`."""
        self._log_loss("test_loss")

    def _count_losses(self, batch: Batch, first: bool) -> None:
        """Add the losses of cells that are not described already.

        Raises:
            TrainingError: one is not finite; several ranks find out together at the end of the epoch.
        """
        nll, tokens = self.loss_per_cell(batch)
        self.not_finite += _not_finite(batch, nll)
        if self.trainer.world_size == 1:
            self.check_losses()
        self.losses = dict(zip(batch["cell_ids"], zip(nll.tolist(), tokens.tolist(), strict=True), strict=True))
        if first:
            self.loss_sums.first = batch["cell_ids"]
        if self.not_finite:
            return
        cells = getattr(self.trainer, "datamodule", None)
        known = cells.described if isinstance(cells, CellDataModule) else ()
        self.loss_sums.add(loss for cell, loss in self.losses.items() if cell not in known)

    def check_losses(self) -> None:
        """End all ranks if a loss of one was not finite; all have to call it, and numbers of batches differ.

        Raises:
            TrainingError: the loss of a cell was not finite.
        """
        if cells := ", ".join(itertools.chain(*gather(self.not_finite))):
            fix = "check these cells, or train with a lower model.init_args.learning_rate"
            self._stop(f"the loss is not finite on cells {cells}; {fix}")

    def _log_loss(self, name: str, prog_bar: bool = False) -> None:
        """Mean over tokens of all ranks' cells: a mean of ranks' means counts cells unequally."""
        self.check_losses()
        if (mean := mean_loss(gather(self.loss_sums))) is not None:  # an endpoint tells none
            self.log(name, mean, prog_bar=prog_bar, batch_size=1)
        self.losses, self.loss_sums = {}, LossSums()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over what trains; warm-up and schedule by step.

        Raises:
            ConfigError: they are shares of a training without end.
        """
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameter_groups(trained, self.weight_decay), lr=self.learning_rate)
        factor = rate_factor(self.trainer.estimated_stepping_batches, self.warmup, self.schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}

    def on_train_start(self) -> None:
        """Use the config's learning rate and weight decay, not those that Lightning has restored with the optimiser."""
        scheduler = self.trainer.lr_scheduler_configs[0].scheduler
        assert isinstance(scheduler, LambdaLR)
        set_rates(self.trainer.optimizers[0], scheduler, self.learning_rate, self.weight_decay)


def _not_finite(batch: Batch, nll: Tensor) -> list[str]:
    """Name the cells of a batch whose losses (B,) are not finite."""
    return [cell for cell, value in zip(batch["cell_ids"], nll.tolist(), strict=True) if not math.isfinite(value)]
