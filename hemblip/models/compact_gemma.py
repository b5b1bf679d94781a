"""Gemma 3 with images at small size: the classes, prompt format and special tokens of MedGEMMA, without a download.

A tiny SigLIP feeds a tiny Gemma 3 (Gemma Team, arXiv:2503.19786). The tokenizer is Gemma's kind (BPE with byte
fallback, spaces as "▁") with merges learnt from captions of the schema, so that most words are one token.
"""

import hashlib
import json
import random
from functools import cache

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, GemmaTokenizer
from transformers.models.siglip import SiglipVisionConfig

from hemblip.models.gemma_prompt import QUESTION, SYSTEM_PROMPT
from hemblip.morphology import SCHEMA, STYLES, describe

IMAGE_SIZE = 96
"""Side of the square input in pixels."""

VOCABULARY_SIZE = 1500

SPECIAL_TOKENS = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<mask>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)
"""In the order of their ids; the first five have Gemma's own ids."""

BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- set system = '' -%}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set system = messages[0]['content'][0]['text'] + '\n\n' -%}"
    "{%- set messages = messages[1:] -%}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}"
    "{{ system if loop.first else '' }}"
    "{%- for item in message['content'] -%}"
    "{{ '<start_of_image>' if item['type'] == 'image' else item['text'] | trim }}"
    "{%- endfor -%}"
    "{{ '<end_of_turn>\n' }}"
    "{%- endfor -%}"
    "{{ '<start_of_turn>model\n' if add_generation_prompt else '' }}"
)
"""Gemma 3's turns: the system text opens the first user turn, and the model's turn is named `model`."""


def corpus(size: int = 3000, seed: int = 0) -> list[str]:
    """Give captions of random attribute sets, in every style, from which the tokenizer learns its words.

    Args:
        size: number of captions.
        seed: of the draw.

    Returns:
        Captions; the same in every process.
    """
    draw = random.Random(seed)
    captions = []
    for index in range(size):
        attributes = {key: draw.choice((*values, None)) for key, values in SCHEMA.items()}
        if attributes["granules"] == "absent":
            attributes["granule_colour"] = None
        captions.append(describe(attributes, style=index % STYLES))
    return captions


@cache
def _learnt() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learn vocabulary and merges from `corpus()` and the default prompt."""
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    # Words, numbers and punctuation stay apart, so that no merge crosses them.
    learner.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?\w+|\n+|[^\w\s▁]"), behavior="isolated")
    specials = [*SPECIAL_TOKENS, *BYTE_TOKENS]
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=specials, show_progress=False)
    learner.train_from_iterator([*corpus(), *(100 * [SYSTEM_PROMPT, QUESTION, "user", "model", "\n\n", "\n"])], trainer)
    model = json.loads(learner.to_str())["model"]
    return model["vocab"], [(left, right) for left, right in model["merges"]]


def compact_tokenizer() -> GemmaTokenizer:
    """Build the tokenizer offline: Gemma's kind, special tokens and chat template, the words of our captions."""
    vocabulary, merges = _learnt()
    tokenizer = GemmaTokenizer(
        vocab=dict(vocabulary),
        merges=list(merges),
        extra_special_tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]})
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def compact_revision(tokenizer: GemmaTokenizer) -> str:
    """Name the tokenizer's content, so that weights are never read with another vocabulary."""
    words = "\n".join(sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__))
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def compact_gemma(tokenizer: GemmaTokenizer, seed: int = 0) -> Gemma3ForConditionalGeneration:
    """Build the tiny captioner with random weights.

    Args:
        tokenizer: from `compact_tokenizer`.
        seed: of the weights; the global random state is left as it was.

    Returns:
        Model for images of `IMAGE_SIZE` pixels.
    """
    token = tokenizer.convert_tokens_to_ids
    config = Gemma3Config(
        vision_config=SiglipVisionConfig(
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=IMAGE_SIZE,
            patch_size=12,
            vision_use_head=False,
        ),
        text_config=Gemma3TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            query_pre_attn_scalar=32,
            sliding_window=64,
            max_position_embeddings=1024,
            sliding_window_pattern=2,
        ),
        mm_tokens_per_image=16,
        boi_token_index=token("<start_of_image>"),
        eoi_token_index=token("<end_of_image>"),
        image_token_index=token("<image_soft_token>"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Gemma3ForConditionalGeneration(config)
        # Initialised to zeros in the library, with which images would have no effect and the vision tower no gradient.
        projection = model.model.multi_modal_projector.mm_input_projection_weight
        torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)
    return model
