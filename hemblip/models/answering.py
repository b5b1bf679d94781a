"""Answers after a prompt: losses, and generation, as chat models of transformers do."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel
from transformers.generation import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from hemblip.models.decoding import Generated
from hemblip.models.decoding.sampling import Drawn


def answer_ids(tokenizer: Any, captions: list[str], end: int) -> Tensor:
    """Write captions as the model's answers: the text, the end of the turn, then padding.

    Args:
        tokenizer: of the model.
        captions: B texts.
        end: token that ends a turn.

    Returns:
        Token ids (B, A), right-padded with the padding token, on the CPU.
    """
    texts = [caption.strip() for caption in captions]
    rows = [[*ids, end] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    width = max(map(len, rows))
    return torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows], dtype=torch.long)


def answer_losses(logits: Tensor, answers: Tensor, pad: int, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Sum the negative log-likelihoods (B,) of answers (B, A) by logits (B, A, words), and count their tokens (B,).

    Args:
        logits: that predict the answers.
        answers: token ids.
        pad: token that fills up; it is left out.
        smoothing: share of the target spread over all words, in [0, 1).
    """
    losses = functional.cross_entropy(
        logits.float().transpose(1, 2), answers, reduction="none", label_smoothing=smoothing
    )  # (B, A)
    answered = answers != pad
    return (losses * answered).sum(1), answered.sum(1)


def generate_answers(
    model: PreTrainedModel,
    prompts: Tensor,
    asked: Tensor,
    inputs: dict[str, Any],
    settings: GenerationConfig,
    chances: Tensor | None = None,
    never: Sequence[int] = (),
) -> list[list[Generated]]:
    """Generate an answer to each prompt, up to the end of the turn.

    Args:
        model: in evaluation mode.
        prompts: token ids (B, P), padded on the left.
        asked: which of them are no padding, (B, P), 1 or 0.
        inputs: what else the model takes, as the image.
        settings: how; the rules against repetition are about the answer, not the prompt.
        chances: (B, longest answer), to sample answers without rules and beams; see `decoding.sampling`.
        never: tokens that are not sampled.
    """
    processors = LogitsProcessorList()
    if chances is not None:
        settings.num_beams, settings.min_new_tokens = 1, None
        settings.no_repeat_ngram_size = settings.repetition_penalty = None
        settings.length_penalty = settings.early_stopping = None
        processors.append(Drawn(chances.to(prompts.device), prompts.shape[1], never))
    # The library's own count the prompt as well, and would forbid its words.
    if size := settings.no_repeat_ngram_size:
        processors.append(NoRepeatInAnswer(size, prompts.shape[1]))
    if penalty := settings.repetition_penalty:
        processors.append(RepetitionPenaltyLogitsProcessor(penalty, prompt_ignore_length=prompts.shape[1]))
    settings.no_repeat_ngram_size = settings.repetition_penalty = None
    settings.return_dict_in_generate = settings.output_logits = True
    output = model.generate(
        input_ids=prompts,
        **inputs,
        attention_mask=asked,
        generation_config=settings,
        logits_processor=processors,
        synced_gpus=False,  # ranks have whole weights, and different numbers of batches
    )
    answers = output.sequences[:, prompts.shape[1] :].tolist()
    values = log_probabilities(output, prompts.shape[1])
    return [
        [Generated(token, value) for token, value in zip(*row, strict=True) if token != settings.pad_token_id]
        for row in zip(answers, values, strict=True)
    ]


def every_beam(settings: GenerationConfig) -> GenerationConfig:
    """Let all beams of a search be given, not the best one alone."""
    settings.num_return_sequences = settings.num_beams
    return settings


def by_cell(answers: list[list[Generated]], beams: int) -> list[list[list[Generated]]]:
    """Put the answers of each cell's beams together."""
    return [answers[start : start + beams] for start in range(0, len(answers), beams)]


def log_probabilities(output: Any, prompt: int) -> list[list[float]]:
    """Log-probabilities (B, T) of generated tokens from `output.logits`: for each of them (rows, words)."""
    columns = []
    for step, logits in enumerate(output.logits[: output.sequences.shape[1] - prompt]):
        tokens = output.sequences[:, prompt + step, None]  # (B, 1)
        if (rows := output.get("beam_indices")) is not None:
            logits = logits[rows[:, step].clamp(min=0).long()]  # -1 after the end
        logits = logits.float()
        columns.append(logits.gather(1, tokens).squeeze(1) - logits.logsumexp(1))
    values: list[list[float]] = torch.stack(columns, 1).tolist()
    return values


class NoRepeatInAnswer(NoRepeatNGramLogitsProcessor):  # type: ignore[misc]
    """Forbid repeated n-grams in the answer.

    Args:
        size: of the n-grams, in tokens.
        prompt: number of prompt tokens to leave out.
    """

    def __init__(self, size: int, prompt: int) -> None:
        super().__init__(size)
        self.prompt = prompt

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Give `scores` (B, words) with -inf for words that would repeat an n-gram."""
        allowed: torch.FloatTensor = super().__call__(input_ids[:, self.prompt :], scores)
        return allowed
