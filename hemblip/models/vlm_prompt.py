"""Prompts of image-text models: one chat turn with the image and a question, the same for every cell.

The processors of transformers write them too. Those of models that also take videos need torchvision, though, which
images do not; so the two things that they do with an image's place in the text are done here, by kind of model.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor

from hemblip.errors import ConfigError

QWEN = ("<|image_pad|>", "{tokens}")
IDEFICS = ("<image>", "<fake_token_around_image><global-img>{tokens}<fake_token_around_image>")

BLOCKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "gemma3": ("<start_of_image>", "\n\n<start_of_image>{tokens}<end_of_image>\n\n"),
        "qwen2_vl": QWEN,
        "qwen2_5_vl": QWEN,
        "qwen3_vl": QWEN,
        "idefics3": IDEFICS,
        "smolvlm": IDEFICS,
        "internvl": ("<IMG_CONTEXT>", "<img>{tokens}</img>"),
        "paligemma": ("<image>", "{tokens}"),
    }
)
"""Kind of model -> what its chat template writes for an image, and what the model reads in its place."""

ANSWERED = "ANSWERED"
"""Stands for an answer, to see what ends it."""


def prompt_ids(tokenizer: Any, kind: str, system_prompt: str, question: str, image_token: int, count: int) -> Tensor:
    """Write the prompt up to where the model's answer starts.

    Args:
        tokenizer: of the model, with its chat template unless the kind has none (PaliGemma).
        kind: `model_type` of the model's config.
        system_prompt: who the model is; may be empty.
        question: what it is asked about the image.
        image_token: that stands where the image is.
        count: of image tokens.

    Returns:
        Token ids (P,), on the CPU.

    Raises:
        ConfigError: prompts of this kind of model are not known, or the model cannot be asked so.
    """
    if kind not in BLOCKS:
        raise ConfigError(f"a model of kind '{kind}' is not known; take one of {', '.join(BLOCKS)}")
    placeholder, block = BLOCKS[kind]
    if placeholder in system_prompt + question:
        raise ConfigError(f"the question '{question}' holds {placeholder}, which stands for the image; leave it out")
    if kind == "paligemma":
        if system_prompt:
            raise ConfigError(f"model.init_args.system_prompt: a model of kind '{kind}' reads none; leave it empty")
        text = f"{placeholder}{tokenizer.bos_token}{question}\n"
    elif not tokenizer.chat_template:
        raise ConfigError(
            f"pretrained: this model of kind '{kind}' has no chat template; take one that was taught to answer (`-it`, "
            "`-Instruct`)"
        )
    else:
        text = _written(tokenizer, turns(system_prompt, question), add_generation_prompt=True)
    if text.count(placeholder) != 1:
        raise ConfigError(f"the chat template of a model of kind '{kind}' writes no {placeholder} for an image")
    tokens = (tokenizer.convert_ids_to_tokens(image_token) or "") * count
    ids = tokenizer(text.replace(placeholder, block.format(tokens=tokens)), add_special_tokens=False)["input_ids"]
    if ids.count(image_token) != count:
        raise ConfigError(f"pretrained: its tokenizer does not have image token {image_token} of its config.json")
    return torch.tensor(ids, dtype=torch.long)


def turns(system_prompt: str, question: str) -> list[dict[str, Any]]:
    """Give the chat as templates take it."""
    chat = [
        {"role": "system", "content": [{"type": "text", "text": system_prompt}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
    ]
    return chat if system_prompt else chat[1:]


def end_of_turn(tokenizer: Any) -> int:
    """Find the token that ends an answer, by the chat template: the first one after an answer, else the usual end."""
    end: int = tokenizer.eos_token_id
    if not tokenizer.chat_template:
        return end
    chat = [*turns("", "?"), {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]
    after = _written(tokenizer, chat).rpartition(ANSWERED)[2]
    ids = tokenizer(after, add_special_tokens=False)["input_ids"]
    return next((token for token in ids if token in tokenizer.all_special_ids), end)


def _written(tokenizer: Any, chat: list[dict[str, Any]], **settings: bool) -> str:
    try:
        return str(tokenizer.apply_chat_template(chat, tokenize=False, **settings))
    except TemplateError as error:
        fix = "; leave model.init_args.system_prompt empty" if chat[0]["role"] == "system" else ""
        raise ConfigError(f"the model's chat template cannot write a question ({error}){fix}") from error
