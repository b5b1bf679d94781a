"""How captions are generated; one setting for all models of a comparison."""

from dataclasses import dataclass

from hemblip.errors import ConfigError


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy (one beam) or beam search.

    Args:
        num_beams: beams a cell; 1 is greedy.
        max_new_tokens: longest caption in tokens.
        no_repeat_ngram_size: n-grams of this size occur at most once in a caption; 0 for no such rule.
    """

    num_beams: int = 1
    max_new_tokens: int = 100
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        if self.num_beams < 1 or self.max_new_tokens < 1 or self.no_repeat_ngram_size < 0:
            raise ConfigError(f"{self}: num_beams and max_new_tokens are at least 1, no_repeat_ngram_size at least 0")
