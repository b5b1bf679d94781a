"""Greedy and beam search with the choices of transformers 5.23 (`GenerationMixin._sample` and `_beam_search`).

A cell whose caption has ended is taken out: it costs nothing more, and no cell depends on its neighbours. The
log-probabilities of a caption's tokens are those that the search has seen on its way.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from transformers import LogitsProcessorList
from transformers.generation import (
    MinNewTokensLengthLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from hemblip.models.decoding.sampling import pick
from hemblip.models.decoding.settings import Decoding

NEVER = -1.0e9
"""Score of what must not be chosen; finite, as in transformers."""


class Generated(NamedTuple):
    """A generated token and its log-probability in nats, before any rule about repetition or length."""

    token: int
    log_probability: float


class Decoder(Protocol):
    """What a search needs of a language model; see `BlipDecoder`."""

    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        """Read a token of each beam (B, K), which goes on the beam `parents` (B, K); give logits (B, K, words)."""

    def keep(self, order: Tensor) -> None:
        """Go on with the cells at these places (B')."""


def search(
    decoder: Decoder,
    starts: Tensor,
    end: int,
    decoding: Decoding,
    chances: Tensor | None = None,
    never: Sequence[int] = (),
) -> list[list[list[Generated]]]:
    """Generate captions for each cell, one a beam that has ended, the best first.

    Args:
        decoder: has read nothing so far.
        starts: id of the token before each caption, (B,).
        end: id of the token that ends a caption.
        decoding: settings of the search.
        chances: (B, longest caption), to sample one caption a cell without rules and beams; see `decoding.sampling`.
        never: tokens that are not sampled.

    Returns:
        For each cell its captions, and of each the tokens, `end` included where it was reached.
    """
    rules = _rules(decoding, end, starts.device)
    beams: _Greedy | _Beams
    if chances is not None:
        beams = _Sampled(starts, chances.to(starts.device), never)
    else:
        beams = _Greedy(starts) if decoding.num_beams == 1 else _Beams(starts, decoding)
    captions: list[list[list[Generated]]] = [[] for _ in starts]
    cells = torch.arange(len(starts))  # which cell is at which place
    for length in range(1, decoding.max_new_tokens + 1):
        logits = decoder.step(beams.ids[:, :, -1], beams.parents).float()
        done = beams.extend(logits, rules, end, length, last=length == decoding.max_new_tokens).cpu()
        if not done.any():
            continue
        for place in done.nonzero().flatten().tolist():
            captions[int(cells[place])] = beams.captions(place)
        order = filled(done)
        if not len(order):
            break
        cells = cells[order]
        order = order.to(starts.device)
        decoder.keep(order)
        beams.keep(order)
    return captions


def _rules(decoding: Decoding, end: int, device: torch.device) -> LogitsProcessorList:
    """The library's own rules, in its order."""
    rules = LogitsProcessorList()
    if decoding.repetition_penalty != 1:
        rules.append(RepetitionPenaltyLogitsProcessor(float(decoding.repetition_penalty)))
    if decoding.no_repeat_ngram_size:
        rules.append(NoRepeatNGramLogitsProcessor(decoding.no_repeat_ngram_size))
    if decoding.min_new_tokens:
        rules.append(MinNewTokensLengthLogitsProcessor(1, decoding.min_new_tokens, end, device=str(device)))
    return rules


def filled(done: Tensor) -> Tensor:
    """Places (B',) of the cells that go on: the last ones come to where others have ended, the rest stay."""
    live = (~done).nonzero().flatten()
    order = torch.arange(len(live))
    order[done[: len(live)]] = live[live >= len(live)]
    return order


class _Greedy:
    """One beam a cell.

    Args:
        starts: first token of each cell, (B,).
    """

    parents = None

    def __init__(self, starts: Tensor) -> None:
        self.ids = starts[:, None, None]  # (B, 1, T)
        self.values = torch.zeros((len(starts), 0), device=starts.device)  # (B, T - 1)

    def extend(self, logits: Tensor, rules: LogitsProcessorList, end: int, length: int, last: bool) -> Tensor:
        """Choose each cell's next token from logits (B, 1, words); say which cells are done, (B,)."""
        del length
        logits = logits[:, 0]
        tokens = self._choose(logits, rules)[:, None]  # (B, 1)
        values = logits.gather(1, tokens) - logits.logsumexp(-1, keepdim=True)
        self.ids = torch.cat([self.ids, tokens[:, None]], 2)
        self.values = torch.cat([self.values, values], 1)
        ended: Tensor = tokens[:, 0] == end
        return ended | last

    def _choose(self, logits: Tensor, rules: LogitsProcessorList) -> Tensor:
        """The next token (B,) by logits (B, words)."""
        chosen: Tensor = rules(self.ids[:, 0], logits).argmax(-1)
        return chosen

    def captions(self, place: int) -> list[list[Generated]]:
        """The one caption of the cell at this place."""
        pairs = zip(self.ids[place, 0, 1:].tolist(), self.values[place].tolist(), strict=True)
        return [[Generated(*pair) for pair in pairs]]

    def keep(self, order: Tensor) -> None:
        """Go on with the cells at these places."""
        self.ids, self.values = self.ids[order], self.values[order]


class _Sampled(_Greedy):
    """One caption a cell, drawn word by word.

    Args:
        starts: first token of each cell, (B,).
        chances: of the words, (B, T); see `pick`.
        never: tokens that are not drawn.
    """

    def __init__(self, starts: Tensor, chances: Tensor, never: Sequence[int]) -> None:
        super().__init__(starts)
        self.chances, self.never = chances, never

    def _choose(self, logits: Tensor, rules: LogitsProcessorList) -> Tensor:
        del rules  # the model's own distribution is drawn from
        return pick(logits, self.chances[:, self.ids.shape[2] - 1], self.never)

    def keep(self, order: Tensor) -> None:
        super().keep(order)
        self.chances = self.chances[order]


class _Beams:
    """Running and ended beams of each cell, K of both.

    Args:
        starts: first token of each cell, (B,).
        decoding: settings of the search.
    """

    def __init__(self, starts: Tensor, decoding: Decoding) -> None:
        cells, beams, device = len(starts), decoding.num_beams, starts.device
        self.decoding = decoding
        self.parents: Tensor | None = None  # (B, K)
        self.ids = starts[:, None, None].repeat(1, beams, 1)  # (B, K, T)
        self.values = torch.zeros((cells, beams, 0), device=device)  # (B, K, T - 1)
        self.scores = torch.zeros((cells, beams), device=device)
        self.scores[:, 1:] = NEVER  # all beams are the same so far
        # Captions that have ended, the best first, and as long as the longest may be.
        self.best_ids = torch.zeros((cells, beams, decoding.max_new_tokens), dtype=starts.dtype, device=device)
        self.best_values = torch.zeros((cells, beams, decoding.max_new_tokens), device=device)
        self.best_lengths = torch.zeros((cells, beams), dtype=torch.long, device=device)
        self.best_scores = torch.full((cells, beams), NEVER, device=device)
        self.ended = torch.zeros((cells, beams), dtype=torch.bool, device=device)

    def extend(self, logits: Tensor, rules: LogitsProcessorList, end: int, length: int, last: bool) -> Tensor:
        """Choose the beams that go on from logits (B, K, words); say which cells are done, (B,)."""
        _, beams, words = logits.shape
        plain = logits.log_softmax(-1)
        ruled = rules(self.ids.flatten(0, 1), plain.flatten(0, 1)).view_as(plain)
        # Twice as many as there are beams: all of these may end and as many still go on.
        totals, places = (ruled + self.scores[..., None]).flatten(1).topk(2 * beams)  # (B, 2 K)
        parents, tokens = places // words, places % words
        values = plain.flatten(1).gather(1, places)
        ending = (tokens == end) | last

        ids = torch.cat([_take(self.ids, parents), tokens[..., None]], 2)
        values = torch.cat([_take(self.values, parents), values[..., None]], 2)
        self._end(ids, values, totals, ending, length)

        running = totals + ending.float() * NEVER
        chosen = running.topk(beams)[1]
        self.ids, self.values = _take(ids, chosen), _take(values, chosen)
        self.scores, self.parents = running.gather(1, chosen), parents.gather(1, chosen)

        hoped = self.scores[:, :1] / length**self.decoding.length_penalty
        worst = torch.where(self.ended, self.best_scores.min(1, keepdim=True)[0], NEVER)
        done: Tensor = ~(hoped > worst).any(1) | last
        return done | self.ended.all(1) if self.decoding.early_stopping else done

    def _end(self, ids: Tensor, values: Tensor, totals: Tensor, ending: Tensor, length: int) -> None:
        """Let candidates (B, 2 K) that end take the places of worse captions; only the first K may."""
        ending = ending.clone()
        ending[:, self.decoding.num_beams :] = False
        scores = totals / length**self.decoding.length_penalty + (~ending).float() * NEVER
        rest = self.decoding.max_new_tokens - length
        merged = torch.cat([self.best_scores, scores], 1)
        best = merged.topk(self.decoding.num_beams)[1]

        def merge(kept: Tensor, new: Tensor) -> Tensor:
            return _take(torch.cat([kept, new], 1), best)

        self.best_ids = merge(self.best_ids, torch.nn.functional.pad(ids[:, :, 1:], (0, rest)))
        self.best_values = merge(self.best_values, torch.nn.functional.pad(values, (0, rest)))
        self.best_lengths = merge(self.best_lengths, torch.full_like(ending, length, dtype=torch.long))
        self.best_scores, self.ended = merged.gather(1, best), merge(self.ended, ending)

    def captions(self, place: int) -> list[list[Generated]]:
        """The captions of the cell at this place that have ended, the best first."""
        ended = max(1, int(self.ended[place].sum()))  # they stand before the others
        lengths = self.best_lengths[place, :ended].tolist()
        ids, values = self.best_ids[place].tolist(), self.best_values[place].tolist()
        return [
            [Generated(*pair) for pair in zip(ids[beam][:length], values[beam][:length], strict=True)]
            for beam, length in enumerate(lengths)
        ]

    def keep(self, order: Tensor) -> None:
        """Go on with the cells at these places."""
        assert self.parents is not None
        self.parents, self.ids, self.values = self.parents[order], self.ids[order], self.values[order]
        self.scores, self.best_scores, self.ended = self.scores[order], self.best_scores[order], self.ended[order]
        self.best_ids, self.best_values = self.best_ids[order], self.best_values[order]
        self.best_lengths = self.best_lengths[order]


def _take(beams: Tensor, chosen: Tensor) -> Tensor:
    """Of beams (B, M, ...) those at `chosen` (B, N), each cell's own."""
    return torch.take_along_dim(beams, chosen.view(*chosen.shape, *[1] * (beams.dim() - 2)), 1)
