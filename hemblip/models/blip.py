"""BLIP (Li et al., ICML 2022) as a captioner: everything trained, or LoRA on its text decoder."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoConfig, BertTokenizer, BlipForConditionalGeneration, GenerationConfig

from hemblip.data.dataset import Batch
from hemblip.errors import ConfigError, check_range
from hemblip.models.access import reaching, where
from hemblip.models.adapters import add_adapters, last_layers
from hemblip.models.attribute_head import AttributeHead
from hemblip.models.captioner import Captioner, Pooling
from hemblip.models.compact_blip import CompactBlip, compact_blip, compact_revision, compact_tokenizer
from hemblip.models.conv_stem import ConvStemBlip
from hemblip.models.decoding import GREEDY, BlipDecoder, Decoding, Drafts, Generated, drafted, search
from hemblip.models.decoding.drafts import LENGTH as DRAFT
from hemblip.models.fused_attention import fuse_attention
from hemblip.models.sharding import shard
from hemblip.models.timm_weights import check_timm, normalisation, timm_network

BLIP_BASE = "Salesforce/blip-image-captioning-base"

BLIP_BASE_REVISION = "82a37760796d32b1411fe092ab5d4e227313294b"
"""The commit on the hub that results refer to."""

COMPACT = "compact"

ATTENTION = r"text_(?:decoder\.bert|encoder)\.encoder\.layer\.\d+\.{}\.(?:self\.(?:query|key|value)|output\.dense)"
"""Layers of the attention of the decoder, and of an encoder of questions; of the kind to be filled in."""

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of RGB in BLIP's pretraining (CLIP's values), in [0, 1]."""


@dataclass(frozen=True)
class TimmEncoding:
    """A vision encoder in place of BLIP's own, of timm (`pip install 'hemblip[probing]'`).

    Args:
        timm: name in timm of a vision transformer, for example `vit_base_patch14_dinov2.lvd142m`.
        weights: local file in place of timm's own download, for example DinoBloom's.
        image_size: side of the square input in pixels.
    """

    timm: str
    weights: str | None = None
    image_size: int = 224

    def __post_init__(self) -> None:
        check_range("vision.image_size", self.image_size, at_least=1)


class BlipCaptioner(Captioner):
    """BLIP with its language-modelling decoder.

    Args:
        pretrained: hub id, folder, or `compact` (the same classes at small size, random weights, no download).
        revision: commit on the hub; None for the one that results refer to.
        compact: size of the compact model.
        vision: an encoder in place of BLIP's own; a linear layer, which trains, fits it to the decoder.
        adaptation: `full` = everything trains; `lora` = vision frozen, adapters on the decoder's attention.
        lora_attention: which attention of the decoder gets adapters.
        lora_rank: width of the adapters.
        lora_alpha: their scale, divided by the rank.
        lora_dropout: share of their inputs dropped in training, in [0, 1).
        train_last_layers: decoder layers, from the last, that train whole beside the adapters (paper, Fig. 1: 2).
        train_head: train the LM head beside the adapters (paper, Fig. 1); it is tied to the word embeddings.
        train_embeddings: train the decoder's position embeddings and their norm too, and the word embeddings.
        label_smoothing: share of the target spread over all words in training, in [0, 1).
        attribute_loss: weight, beside the caption's loss, of that of each attribute's value said from the patches in
            training; see `hemblip.models.attribute_head`.
        decoding: how captions are generated.
        **optimisation: `learning_rate`, `weight_decay`, `warmup`, `schedule` of `Captioner`.
    """

    kinds: tuple[type, type] = (BlipForConditionalGeneration, ConvStemBlip)
    """Classes of the model: as published, and with a convolutional stem."""

    commits: Mapping[str, str] = MappingProxyType({BLIP_BASE: BLIP_BASE_REVISION})
    """Commits on the hub that results refer to."""

    vocabulary: tuple[str, ...] = ()
    """Words of the compact model beside those of captions."""

    def __init__(
        self,
        pretrained: str = BLIP_BASE,
        revision: str | None = None,
        compact: CompactBlip | None = None,
        vision: TimmEncoding | None = None,
        adaptation: Literal["full", "lora"] = "full",
        lora_attention: Literal["self", "cross", "both"] = "both",
        lora_rank: int = 8,
        lora_alpha: int = 16,
        lora_dropout: float = 0.05,
        train_last_layers: int = 2,
        train_head: bool = True,
        train_embeddings: bool = False,
        label_smoothing: float = 0.0,
        attribute_loss: float = 0.0,
        decoding: Decoding = GREEDY,
        **optimisation: Any,
    ) -> None:
        super().__init__(decoding=decoding, **optimisation)
        check_range("model.init_args.label_smoothing", label_smoothing, at_least=0, below=1)
        check_range("model.init_args.attribute_loss", attribute_loss, at_least=0)
        if attribute_loss and adaptation == "lora":
            raise ConfigError(
                "model.init_args.attribute_loss teaches the vision encoder, which adaptation: lora freezes; set it to 0"
            )
        self.revision: str | None
        self.mean: Tensor
        self.deviation: Tensor
        if pretrained == COMPACT:
            self.tokenizer, self.revision = compact_tokenizer(self.vocabulary), compact_revision(self.vocabulary)
            size, fixed = compact or CompactBlip(), adaptation == "lora"
            self.model = compact_blip(self.tokenizer, size, fixed, self.kinds[1])
        else:
            if compact is not None:
                raise ConfigError(f"model.init_args.compact does not go with pretrained: {pretrained}; leave it out")
            self.revision = revision or self.commits.get(pretrained)
            self.model, self.tokenizer = _download(pretrained, self.revision, self.kinds)
        if vision is not None:
            self.model, self.vision_key = with_encoder(self.model, vision)
        fuse_attention(self.model)
        self.pretrained, self.adaptation = pretrained, adaptation
        self.label_smoothing = label_smoothing
        self.image_size = self.model.config.vision_config.image_size
        self.caption_positions = self.model.config.text_config.max_position_embeddings
        longest = decoding.max_new_tokens
        check_range("model.init_args.decoding.max_new_tokens", longest, at_most=self.caption_positions)
        self.normalisation = normalisation_of(self.model)
        mean, deviation = (torch.tensor(values).view(3, 1, 1) * 255 for values in self.normalisation)
        self._drafted: tuple[list[str], Drafts] | None = None
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)
        if adaptation == "lora":
            decoder, own = self.model.text_decoder, hasattr(self.model.config.vision_config, "timm")
            self.frozen = ("model.vision_model.encoder" if own else "model.vision_model",)
            whole = last_layers(decoder.bert.encoder.layer, train_last_layers)
            whole += [decoder.cls] * train_head + [decoder.bert.embeddings] * train_embeddings
            whole += [self.model.vision_model.projection] if own else []  # drawn at random
            kinds = {"self": "attention", "cross": "crossattention", "both": "(?:cross)?attention"}[lora_attention]
            add_adapters(self.model, ATTENTION.format(kinds), lora_rank, lora_alpha, lora_dropout, whole)
        head = self.model.text_decoder.cls.predictions
        if head.bias is not head.decoder.bias:
            head.bias.requires_grad_(False)  # not used where embeddings and head are not tied
        self.attribute_loss = attribute_loss
        width = self.model.config.vision_config.hidden_size
        self.attribute_head = AttributeHead(width) if attribute_loss else None
        self.train()

    def configure_model(self) -> None:
        """Spread the weights over the ranks, if the strategy asks for it."""
        vision, decoder = self.model.vision_model, self.model.text_decoder
        layers = vision.encoder.blocks if hasattr(vision, "projection") else vision.encoder.layers
        heads = [self.attribute_head] if self.attribute_head is not None else []
        shard(self.device_mesh, [*layers, *decoder.bert.encoder.layer, vision, decoder, *heads])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Add the loss of the attributes to that of the captions; see `Captioner`."""
        if self.attribute_head is None:
            return super().training_step(batch, batch_idx)
        annotations = self.annotations(batch, "attribute_loss")
        with self.encoded_once(batch):
            loss = self.attribute_head.loss(self.features(batch)[:, 1:], annotations)
            cells, ranks = len(annotations), self.trainer.world_size
            self.log("train_attribute_loss", loss.detach(), batch_size=cells, sync_dist=ranks > 1)
            return super().training_step(batch, batch_idx) + self.attribute_loss * cells * loss

    def pixel_values(self, images: Tensor) -> Tensor:
        """Normalise uint8 images (B, 3, H, W) as in pretraining.

        Raises:
            ConfigError: H or W is not the model's image size.
        """
        height, width = images.shape[-2:]
        if (height, width) != (self.image_size, self.image_size):
            raise ConfigError(
                f"cells are {width} x {height} pixels but the model takes {self.image_size} x {self.image_size}; set "
                f"data.init_args.image_size to {self.image_size}"
            )
        pixels = (images.to(self.device).float() - self.mean) / self.deviation
        return pixels.contiguous(memory_format=torch.channels_last)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) to patches (B, 1 + P, D), the class token first; see `Captioner`."""
        return self.model.vision_model(pixel_values=self.pixel_values(images)).last_hidden_state  # type: ignore[no-any-return]

    def token_ids(self, captions: list[str]) -> Tensor:
        """Tokens (B, T) of captions: [DEC], words, [SEP], padding."""
        limits = {"truncation": True, "max_length": self.caption_positions}
        ids = self.tokenizer(captions, padding=True, return_tensors="pt", **limits).input_ids
        ids[:, 0] = self.tokenizer.convert_tokens_to_ids("[DEC]")  # the tokenizer puts [CLS] there
        return ids.to(self.device)  # type: ignore[no-any-return]

    def answer_ids(self, captions: list[str]) -> Tensor:
        """Write captions and [SEP] as token ids (B, A); see `Captioner`."""
        return self.token_ids(captions)[:, 1:]

    def answer_logits(self, batch: Batch, answers: Tensor) -> Tensor:
        """Give the logits (B, A, words) that predict `answers` (B, A); see `Captioner`."""
        starts = answers.new_full((len(answers), 1), self.tokenizer.convert_tokens_to_ids("[DEC]"))
        patches, seen = self.context(batch)
        return self.caption_logits(patches, torch.cat([starts, answers], 1), seen)

    def context(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Give what the decoder attends to (B, P, D), and which of it each cell has (B, P); None for all."""
        return self.features(batch), None

    def caption_logits(self, patches: Tensor, ids: Tensor, seen: Tensor | None = None) -> Tensor:
        """Logits (B, T - 1, words) that predict `ids` (B, T) from its second token on; `patches` as of `context`."""
        inputs = ids[:, :-1]
        output = self.model.text_decoder(
            input_ids=inputs,
            attention_mask=(inputs != self.tokenizer.pad_token_id).long(),
            encoder_hidden_states=patches,
            encoder_attention_mask=seen,
            use_cache=False,
        )
        return output.logits  # type: ignore[no-any-return]

    def generate_tokens(self, batch: Batch, chances: Tensor | None = None) -> list[list[Generated]]:
        """Generate each cell's caption; see `Captioner`."""
        return [beams[0] for beams in self._search(batch, chances)]

    def generate_beams(self, batch: Batch) -> list[list[list[Generated]]]:
        """Generate each cell's captions, the best first; see `Captioner`."""
        return self._search(batch)

    @torch.no_grad()
    def _search(self, batch: Batch, chances: Tensor | None = None) -> list[list[list[Generated]]]:
        (patches, seen), longest = self.context(batch), self.decoding.max_new_tokens
        beams = 1 if chances is not None else self.decoding.num_beams
        starts = torch.full((len(patches),), self.tokenizer.convert_tokens_to_ids("[DEC]"), device=self.device)
        if beams == 1 and chances is None and self.usual_captions and _pays(patches, self.decoding):
            decoder = BlipDecoder(self.model.text_decoder, patches, 1, longest + DRAFT, static=False, seen=seen)
            return drafted(decoder, starts, self.tokenizer.sep_token_id, longest, self._drafts())
        decoder = BlipDecoder(self.model.text_decoder, patches, beams, longest, seen=seen)
        never = (self.tokenizer.pad_token_id,)
        return search(decoder, starts, self.tokenizer.sep_token_id, self.decoding, chances, never)

    def _drafts(self) -> Drafts:
        """Make drafts of the usual captions, once."""
        if self._drafted is None or self._drafted[0] is not self.usual_captions:
            rows = [self.token_ids([caption])[0].tolist() for caption in self.usual_captions]
            self._drafted = (self.usual_captions, Drafts(rows))
        return self._drafted[1]

    def generation_config(self) -> GenerationConfig:
        """Give `decoding` as transformers names it."""
        return GenerationConfig(
            **self.decoding.settings(),
            bos_token_id=self.tokenizer.convert_tokens_to_ids("[DEC]"),
            eos_token_id=self.tokenizer.sep_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )

    @torch.no_grad()
    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Tensor:
        """Average the patches (B, D), or take the class token; see `Captioner`."""
        tokens = self.features(batch).float()
        return tokens[:, 1:].mean(1) if pooling == "mean" else tokens[:, 0]


def _pays(patches: Tensor, decoding: Decoding) -> bool:
    """Whether drafts do: on a GPU recorded steps are faster, in 16 bits a pass of many tokens rounds otherwise."""
    exact = patches.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    ruled = decoding.repetition_penalty != 1 or decoding.no_repeat_ngram_size or decoding.min_new_tokens
    return patches.device.type == "cpu" and exact and not ruled


def timm_blip() -> type[BlipForConditionalGeneration]:
    """Import the class whose encoder is timm's.

    Raises:
        ConfigError: timm is not installed.
    """
    check_timm("model.init_args.vision")
    from hemblip.models.timm_vision import TimmVisionBlip

    return TimmVisionBlip


def with_encoder(model: BlipForConditionalGeneration, vision: TimmEncoding) -> tuple[BlipForConditionalGeneration, str]:
    """Put an encoder of timm into BLIP in place of its own.

    Args:
        model: its decoder goes into the new one.
        vision: the encoder.

    Returns:
        The new model, and a name of the encoder and of the content of its weights.

    Raises:
        ConfigError: timm or the file is not there, or the encoder is no vision transformer with a class token.
        ModelAccessError: the weights cannot be had or are another model's.
    """
    place = f"model.init_args.vision {vision.timm}"
    network = timm_network(vision.timm, vision.weights, vision.image_size, place)
    if getattr(network, "cls_token", None) is None or not hasattr(network, "blocks"):
        raise ConfigError(f"{place}: no vision transformer with a class token; take for example one of DINOv2's")
    mean, deviation = normalisation(network)
    config = copy.deepcopy(model.config)
    vars(config.vision_config).pop("stem", None)
    config.vision_config.timm, config.vision_config.image_size = vision.timm, vision.image_size
    config.vision_config.image_mean, config.vision_config.image_std = mean, deviation
    built = timm_blip()(config)
    built.vision_model.encoder.load_state_dict(network.state_dict())
    built.text_decoder = model.text_decoder
    digest = hashlib.sha256()
    for weight in network.state_dict().values():
        digest.update(weight.detach().float().contiguous().numpy().tobytes())
    return built, f"{vision.timm} {digest.hexdigest()[:12]}"


def normalisation_of(model: BlipForConditionalGeneration) -> tuple[list[float], list[float]]:
    """Mean and deviation of RGB, in [0, 1], that a model's encoder was trained with."""
    vision = model.config.vision_config
    return list(getattr(vision, "image_mean", MEAN)), list(getattr(vision, "image_std", DEVIATION))


def _download(pretrained: str, revision: str | None, kinds: tuple[type, type]) -> tuple[Any, BertTokenizer]:
    """Load published or exported weights; every one must find its place.

    Raises:
        ConfigError: the model is no BLIP captioner, weights are missing, left over or of another shape, or the
            tokenizer is not the model's.
        ModelAccessError: no network, no such model.
    """
    with reaching(pretrained, revision):
        config = AutoConfig.from_pretrained(pretrained, **where(pretrained, revision))
    if config.model_type != "blip":
        raise ConfigError(f"pretrained '{pretrained}' is {config.model_type}, not BLIP; use for example {BLIP_BASE}")
    kind: Any = kinds[hasattr(config.vision_config, "stem")]
    if hasattr(config.vision_config, "timm"):
        kind = timm_blip()
    with reaching(pretrained, revision):
        tokenizer = BertTokenizer.from_pretrained(pretrained, **where(pretrained, revision))
        model, report = kind.from_pretrained(pretrained, output_loading_info=True, **where(pretrained, revision))
    if model.dtype == torch.float16:  # stored in half the bytes
        model.float()
    head = model.text_decoder.cls.predictions
    if "text_decoder.cls.predictions.decoder.bias" in report["missing_keys"]:
        # Files hold one of two names of a tensor; without tied embeddings the library does not bring them together.
        head.decoder.bias.data.copy_(head.bias)
        report["missing_keys"].remove("text_decoder.cls.predictions.decoder.bias")
    wrong = {fault: names for fault, names in report.items() if names}
    if wrong:
        fault, names = next(iter(wrong.items()))
        raise ConfigError(f"pretrained '{pretrained}': {len(names)} {fault.replace('_', ' ')}, first: {min(names)}")
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    start, words = tokenizer.convert_tokens_to_ids("[DEC]"), config.text_config.vocab_size
    if start != config.text_config.bos_token_id or len(tokenizer) != words:
        raise ConfigError(
            f"pretrained '{pretrained}': its tokenizer has {len(tokenizer)} tokens and [DEC] at {start}, the model "
            f"{words} and {config.text_config.bos_token_id}; copy the tokenizer that belongs to the model"
        )
    return model, tokenizer
