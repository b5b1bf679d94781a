"""What Gemma 3 is asked: one chat turn with a system text, the image and a question; the same for every cell."""

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

SYSTEM_PROMPT = "You are an expert hematologist who reads blood smears."

END = "<end_of_turn>"

QUESTION = (
    "Describe the white blood cell in the centre of this image in one or two sentences: cell type, size and shape, "
    "nucleus, chromatin, nucleoli, cytoplasm, vacuoles, granules, and whether it looks healthy or leukemic."
)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, system_prompt: str, question: str, image_tokens: int) -> Tensor:
    """Write the prompt as `Gemma3Processor` does, up to where the model's answer starts.

    Args:
        tokenizer: Gemma's, with its chat template.
        system_prompt: who the model is; may be empty.
        question: what it is asked about the image.
        image_tokens: positions that the image takes (256 in MedGEMMA).

    Returns:
        Token ids (P,), on the CPU.
    """
    turns = [
        {"role": "system", "content": [{"type": "text", "text": system_prompt}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
    ]
    chat = turns if system_prompt else turns[1:]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    image = tokenizer.boi_token + tokenizer.image_token * image_tokens + tokenizer.eoi_token
    text = text.replace(tokenizer.boi_token, f"\n\n{image}\n\n")
    # The template has written <bos> already.
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return torch.tensor(ids, dtype=torch.long)
