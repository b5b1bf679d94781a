"""How captions are generated; one setting for all models of a comparison."""

from dataclasses import dataclass

from hemblip.errors import ConfigError


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy (one beam) or beam search.

    Args:
        num_beams: beams a cell; 1 is greedy.
        max_new_tokens: longest caption in tokens.
        min_new_tokens: shortest caption in tokens.
        no_repeat_ngram_size: n-grams of this size occur at most once in a caption; 0 for no such rule.
        repetition_penalty: divides the scores of tokens that the caption has already; 1 for none.
        length_penalty: power of the length that a beam's score is divided by; above 1 favours long captions.
        early_stopping: stop at `num_beams` finished beams, even if a longer one could still score better.
    """

    num_beams: int = 1
    max_new_tokens: int = 100
    min_new_tokens: int = 0
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    early_stopping: bool = False

    def __post_init__(self) -> None:
        if self.num_beams < 1 or self.max_new_tokens < 1 or self.no_repeat_ngram_size < 0:
            raise ConfigError(f"{self}: num_beams and max_new_tokens are at least 1, no_repeat_ngram_size at least 0")
        if not 0 <= self.min_new_tokens <= self.max_new_tokens:
            raise ConfigError(f"{self}: min_new_tokens is within 0 and max_new_tokens")
        if self.repetition_penalty <= 0:
            raise ConfigError(f"{self}: repetition_penalty is above 0")

    def settings(self) -> dict[str, float]:
        """Give the settings as `transformers.GenerationConfig` names them, without those that change nothing."""
        chosen: dict[str, float] = {"max_new_tokens": self.max_new_tokens, "num_beams": self.num_beams}
        if self.min_new_tokens:
            chosen["min_new_tokens"] = self.min_new_tokens
        if self.no_repeat_ngram_size:
            chosen["no_repeat_ngram_size"] = self.no_repeat_ngram_size
        if self.repetition_penalty != 1:
            chosen["repetition_penalty"] = self.repetition_penalty
        if self.num_beams > 1:
            chosen |= {"length_penalty": self.length_penalty, "early_stopping": self.early_stopping}
        return {**chosen, "do_sample": False}


GREEDY = Decoding()
"""What a captioner does unless its config says otherwise."""
