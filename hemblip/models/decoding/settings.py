"""How captions are generated; one setting for all models of a comparison."""

from dataclasses import dataclass

from hemblip.errors import check_range


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
        consistent: take the best beam whose statements do not exclude each other, and if there is none, write the
            caption from the values that are likeliest together; see `hemblip.models.consistency`.
    """

    num_beams: int = 1
    max_new_tokens: int = 100
    min_new_tokens: int = 0
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    early_stopping: bool = False
    consistent: bool = False

    def __post_init__(self) -> None:
        check_range("decoding.num_beams", self.num_beams, at_least=1, at_most=1_000)
        check_range("decoding.max_new_tokens", self.max_new_tokens, at_least=1, at_most=10_000)
        check_range("decoding.min_new_tokens", self.min_new_tokens, at_least=0, at_most=self.max_new_tokens)
        check_range("decoding.no_repeat_ngram_size", self.no_repeat_ngram_size, at_least=0)
        check_range("decoding.repetition_penalty", self.repetition_penalty, above=0)
        check_range("decoding.length_penalty", self.length_penalty, at_least=-1_000, at_most=1_000)

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
