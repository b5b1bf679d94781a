"""Random small decoders and settings, and what transformers generates with them."""

import torch
from transformers import BlipTextConfig, GenerationConfig
from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel

from hemblip.models.decoding import BlipDecoder, Decoding, search

PAD, START, END = 0, 1, 2


def random_decoder(random):
    """A decoder whose captions differ from cell to cell and end at different lengths."""
    heads = random.choice([1, 2, 4])
    config = BlipTextConfig(
        vocab_size=random.choice([12, 30, 80]),
        hidden_size=16,
        encoder_hidden_size=random.choice([8, 16]),
        intermediate_size=24,
        num_hidden_layers=random.choice([1, 2, 3]),
        num_attention_heads=heads,
        max_position_embeddings=40,
        initializer_range=random.choice([0.1, 0.3, 1.0]),
        bos_token_id=START,
        eos_token_id=END,
        sep_token_id=END,
        pad_token_id=PAD,
    )
    decoder = BlipTextLMHeadModel(config).eval()
    with torch.no_grad():
        decoder.cls.predictions.decoder.bias[END] += random.choice([0.0, 1.0, 3.0])
    return decoder


def random_settings(random):
    longest = random.randint(1, 20)
    return Decoding(
        num_beams=random.choice([1, 1, 2, 3, 5]),
        max_new_tokens=longest,
        min_new_tokens=random.choice([0, random.randint(0, longest)]),
        no_repeat_ngram_size=random.choice([0, 0, 1, 2, 3]) if longest < 9 else random.choice([0, 2, 3]),
        repetition_penalty=random.choice([1.0, 1.2, 2.0, 0.8]),
        length_penalty=random.choice([1.0, 0.0, 2.0, -1.0, 0.6]),
        early_stopping=random.choice([False, True]),
    )


def ours(decoder, patches, settings):
    with torch.no_grad():
        state = BlipDecoder(decoder, patches, settings.num_beams, settings.max_new_tokens)
        found = search(state, torch.full((len(patches),), START), END, settings)
        return [beams[0] for beams in found]


def transformers(decoder, patches, settings):
    """Captions up to the end mark: beams are padded with it."""
    config = GenerationConfig(**settings.settings(), bos_token_id=START, eos_token_id=END, pad_token_id=PAD)
    starts = torch.full((len(patches), 1), START)
    rows = decoder.generate(input_ids=starts, encoder_hidden_states=patches, generation_config=config)
    rows = [row[1:].tolist() for row in rows]
    return [row[: row.index(END) + 1] if END in row else row for row in rows]
