"""Peak memory of one training step: logits at every position against logits for the answer only.

The vocabulary is Gemma's (262,208 words); the body is thin, so that the logits are what is measured. Run it with
`python experiments/medgemma_compact/loss_memory.py`; it prints one line a way (Linux, CPU).
"""

import multiprocessing
import resource
import sys

CELLS, PROMPT, ANSWER = 2, 296, 60


def step(way: str) -> None:
    """Do one forward and backward pass and print the memory that it took beyond the model's."""
    import torch
    from torch.nn import functional
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = Gemma3ForCausalLM(Gemma3TextConfig(vocab_size=262_208, num_key_value_heads=1, head_dim=64, **sizes))
    model.model.embed_tokens.weight.grad = torch.zeros_like(model.model.embed_tokens.weight)
    ids = torch.randint(10, 262_000, (CELLS, PROMPT + ANSWER))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if way == "every position":
        loss = model(input_ids=ids, labels=ids.clone().index_fill_(1, torch.arange(PROMPT), -100)).loss
    else:
        positions = torch.arange(PROMPT - 1, PROMPT + ANSWER - 1)
        logits = model(input_ids=ids, logits_to_keep=positions).logits.float()
        loss = functional.cross_entropy(logits.transpose(1, 2), ids[:, PROMPT:])
    loss.backward()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{way}: {(after - before) / 2**20:.2f} GiB for {CELLS} x {PROMPT + ANSWER} tokens, loss {loss.item():.4f}")


if __name__ == "__main__":
    assert sys.platform == "linux", "ru_maxrss is in KiB on Linux only"
    for way in ("every position", "answers only"):
        process = multiprocessing.get_context("spawn").Process(target=step, args=(way,))
        process.start()
        process.join()
