"""BLIP that answers questions (Li et al., ICML 2022, section 4.3) as a captioner: a caption is the answer to one."""

from types import MappingProxyType
from typing import Any

from torch import Tensor
from transformers import BlipForQuestionAnswering

from hemblip.data.dataset import Batch
from hemblip.data.questions import CLOSED, NOT_ANNOTATED, WORDINGS
from hemblip.errors import ConfigError
from hemblip.models.blip import BlipCaptioner
from hemblip.models.conv_stem import ConvStemBlipAnswering
from hemblip.models.decoding import GREEDY, Decoding
from hemblip.morphology import SCHEMA

BLIP_VQA = "Salesforce/blip-vqa-base"

DESCRIBE = "describe this cell."


class BlipVqaCaptioner(BlipCaptioner):
    """BLIP with an encoder that reads a question with the image, and a decoder that answers it.

    Args:
        pretrained: hub id, folder, or `compact`, as of `BlipCaptioner`.
        revision: commit on the hub.
        question: what is asked of a cell where a batch has no question of its own.
        decoding: how answers are generated.
        **blip: other settings of `BlipCaptioner` but `vision`; adapters are put into the encoder of questions too.
    """

    answers_questions = True
    kinds = (BlipForQuestionAnswering, ConvStemBlipAnswering)
    commits = MappingProxyType({BLIP_VQA: "787b3d35d57e49572baabd22884b3d5a05acf072"})
    vocabulary = (
        *(wording for wordings in WORDINGS.values() for wording in wordings),
        *(wording.format("") for wording in CLOSED.values()),
        *(value for values in SCHEMA.values() for value in values),
        f"yes no {NOT_ANNOTATED} {DESCRIBE}",
    )

    def __init__(
        self,
        pretrained: str = BLIP_VQA,
        revision: str | None = None,
        question: str = DESCRIBE,
        decoding: Decoding = GREEDY,
        **blip: Any,
    ) -> None:
        if blip.get("vision") is not None:
            raise ConfigError("model.init_args.vision does not go with BLIP that answers questions; leave it out")
        super().__init__(pretrained=pretrained, revision=revision, decoding=decoding, **blip)
        self.question = question
        for layer in self.model.text_decoder.bert.encoder.layer:
            layer.crossattention.self.words = True

    def context(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Read each question with its image (B, P words, D), and say where words are (B, P); see `BlipCaptioner`."""
        patches = self.features(batch)
        questions = [question or self.question for question in batch.get("questions", [""] * len(patches))]
        limits = {"truncation": True, "max_length": self.caption_positions}
        words = self.tokenizer(questions, padding=True, return_tensors="pt", **limits).to(self.device)
        states = self.model.text_encoder(
            input_ids=words.input_ids, attention_mask=words.attention_mask, encoder_hidden_states=patches
        ).last_hidden_state
        return states, words.attention_mask
