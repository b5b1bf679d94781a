"""Image-text models of seven kinds at tiny size: real classes, random weights, tokenizers and processors made here."""

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3ImageProcessorPil,
    GotOcr2ImageProcessorPil,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SiglipImageProcessorPil,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessorPil,
)

from hemblip.models.compact_gemma import compact_gemma, compact_tokenizer, corpus

SIDE = 56
"""Of the images that the twins take, in pixels."""

TURNS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@cache
def tokenizer(image, *others):
    """A byte-level BPE with chat marks; `image` is what the template writes for one."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *others]
    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    built.train_from_iterator(
        corpus(500), trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=built,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=special,
        chat_template=TURNS.replace("IMAGE", image),
    )


def qwen():
    """Qwen2.5-VL: the image at its own size, windows, rotary places in three directions."""
    marks = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words = tokenizer("<|vision_start|><|image_pad|><|vision_end|>", *marks)
    text = {
        **{"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]},
        **{"bos_token_id": None, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id},
    }
    vision = {
        **{"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32},
        **{"patch_size": 14, "spatial_merge_size": 2, "window_size": 56, "fullatt_block_indexes": [1]},
    }
    start, end, image, video = (words.convert_tokens_to_ids(mark) for mark in marks)
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    images = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": SIDE * SIDE})
    return Qwen2_5_VLForConditionalGeneration(config), words, images


def qwen3():
    """Qwen3-VL: features of several depths of the vision encoder go into the first layers of the language model."""
    marks = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words = tokenizer("<|vision_start|><|image_pad|><|vision_end|>", *marks)
    text = {
        **{"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512},
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]},
        "pad_token_id": words.pad_token_id,
    }
    vision = {
        **{"depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32},
        **{
            "patch_size": 14,
            "spatial_merge_size": 2,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
        },
    }
    start, end, image, video = (words.convert_tokens_to_ids(mark) for mark in marks)
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    images = Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": SIDE * SIDE})
    return Qwen3VLForConditionalGeneration(config), words, images


def internvl():
    """InternVL 3: a vision encoder of its own, patches shuffled into fewer, a Qwen2."""
    marks = ("<img>", "</img>", "<IMG_CONTEXT>")
    words = tokenizer("<IMG_CONTEXT>", *marks)
    text = {
        **{"model_type": "qwen2", "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64},
        **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
        **{"bos_token_id": None, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id},
    }
    vision = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"image_size": [SIDE, SIDE], "patch_size": [14, 14]},
    }
    config = InternVLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    images = GotOcr2ImageProcessorPil(size={"height": SIDE, "width": SIDE}, crop_to_patches=True)
    return InternVLForConditionalGeneration(config), words, images


def paligemma():
    """PaliGemma 2: SigLIP and a Gemma 2 that is asked without a chat, and reads the question both ways."""
    words = compact_tokenizer()
    words.chat_template = None
    words.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text = {
        **{"model_type": "gemma2", "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64},
        **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8},
        **{"max_position_embeddings": 512, "sliding_window": 256, "query_pre_attn_scalar": 8},
        "pad_token_id": words.pad_token_id,
    }
    vision = {
        **{"model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "image_size": SIDE, "patch_size": 14, "vision_use_head": False},
    }
    image = words.convert_tokens_to_ids("<image>")
    config = PaliGemmaConfig(
        text_config=text, vision_config=vision, image_token_index=image, projection_dim=32, hidden_size=32
    )
    images = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_seq_length=16)
    images.image_seq_length = 16
    return PaliGemmaForConditionalGeneration(config), words, images


def smolvlm():
    """SmolVLM2: Idefics3 that takes videos too."""
    return _shuffled(SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil)


def idefics():
    """Idefics3, of which SmolVLM is made: SigLIP, patches shuffled into fewer, a Llama."""
    return _shuffled(Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessorPil)


def _shuffled(settings, network, processor):
    marks = ("<image>", "<fake_token_around_image>", "<global-img>")
    words = tokenizer("<image>", *marks)
    text = {
        **{"model_type": "llama", "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64},
        **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
        **{"bos_token_id": None, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id},
    }
    vision = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"image_size": SIDE, "patch_size": 14},
    }
    config = settings(
        text_config=text,
        vision_config=vision,
        scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"),
        pad_token_id=words.pad_token_id,
    )
    images = processor(size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE})
    return network(config), words, images


def gemma():
    """Gemma 3, of which MedGEMMA and MedGEMMA 1.5 are made."""
    words = compact_tokenizer()
    model = compact_gemma(words)
    side = model.config.vision_config.image_size
    return model, words, Gemma3ImageProcessorPil(size={"height": side, "width": side}, do_pan_and_scan=False)


KINDS = {
    "qwen": qwen,
    "qwen3": qwen3,
    "idefics": idefics,
    "smolvlm": smolvlm,
    "internvl": internvl,
    "paligemma": paligemma,
    "gemma": gemma,
}


def written(kind, folder):
    """Write a twin as a folder that `pretrained` can name."""
    torch.manual_seed(0)
    model, words, images = KINDS[kind]()
    for part in (model, words, images):
        part.save_pretrained(folder)
    return str(folder)
