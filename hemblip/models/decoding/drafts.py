"""Greedy captions by drafts: several tokens a pass, none of which greedy decoding would not choose.

Captions come from few forms of sentences. What the training captions say after the longest end of what is written is
read in one pass; as much of it as agrees with the greedy choice is taken, and one token more (prompt lookup decoding,
with the training captions as the prompt; after Leviathan et al., ICML 2023). experiments/benchmarks/drafts.md.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from hemblip.models.decoding.blip import BlipDecoder
from hemblip.models.decoding.search import Generated, filled

LENGTH = 16
"""Most tokens of a pass: the last one written, and its draft."""

ENDS = (24, 16, 8, 4, 2, 1)
"""Numbers of tokens by which a continuation is looked up, the longest first."""

Tokens = tuple[int, ...]


class Drafts:
    """What follows in captions.

    Args:
        captions: token ids, with the marks at start and end.
    """

    def __init__(self, captions: Iterable[Sequence[int]]) -> None:
        follows: dict[Tokens, Counter[int]] = defaultdict(Counter)
        for caption in map(tuple, captions):
            for place in range(1, len(caption)):
                for length in {min(length, place) for length in ENDS}:
                    follows[caption[place - length : place]][caption[place]] += 1
        self._next = {end: counts.most_common(1)[0][0] for end, counts in follows.items()}

    def after(self, written: Sequence[int], most: int) -> list[int]:
        """Draft what follows, at most so many tokens; nothing where it was never seen."""
        ends, draft = tuple(written[-ENDS[0] :]), list[int]()
        while len(draft) < most:
            lengths = (len(ends), *ENDS) if len(ends) < ENDS[0] else ENDS
            found = next((self._next[ends[-length:]] for length in lengths if ends[-length:] in self._next), None)
            if found is None:
                break
            draft.append(found)
            ends = (*ends, found)[-ENDS[0] :]
        return draft


def drafted(
    decoder: BlipDecoder, starts: Tensor, end: int, longest: int, drafts: Drafts
) -> list[list[list[Generated]]]:
    """Generate each cell's greedy caption, without rules about repetition or length.

    Args:
        decoder: with one beam and room for `longest` and `LENGTH` tokens; has read nothing so far.
        starts: id of the token before each caption, (B,).
        end: id of the token that ends a caption.
        longest: most tokens of a caption.
        drafts: of training captions.

    Returns:
        As `hemblip.models.decoding.search`, one caption a cell.
    """
    written = [[start] for start in starts.tolist()]
    values: list[list[float]] = [[] for _ in written]
    cells = list(range(len(written)))  # which cell is at which place
    while cells:
        said = [drafts.after(written[cell], min(LENGTH, longest - len(values[cell])) - 1) for cell in cells]
        tokens = starts.new_zeros((len(cells), 1 + max(map(len, said))))
        for place, (cell, draft) in enumerate(zip(cells, said, strict=True)):
            tokens[place, : 1 + len(draft)] = torch.tensor([written[cell][-1], *draft])
        logits = decoder.read_ahead(tokens, torch.tensor([len(values[cell]) for cell in cells])).float()
        chosen = logits.argmax(-1)  # (B', K)
        scores = logits.gather(-1, chosen[..., None]).squeeze(-1) - logits.logsumexp(-1)
        done = torch.zeros(len(cells), dtype=torch.bool)
        choices = zip(cells, said, chosen.tolist(), scores.tolist(), strict=True)
        for place, (cell, draft, row, likely) in enumerate(choices):
            for step in range(1 + len(draft)):
                written[cell].append(row[step])
                values[cell].append(likely[step])
                done[place] = row[step] == end or len(values[cell]) == longest
                if done[place] or (step < len(draft) and row[step] != draft[step]):
                    break
        if done.any():
            order = filled(done)
            cells = [cells[place] for place in order.tolist()]
            if cells:
                decoder.keep(order)
    pairs = [zip(tokens[1:], likely, strict=True) for tokens, likely in zip(written, values, strict=True)]
    return [[[Generated(*pair) for pair in caption]] for caption in pairs]
