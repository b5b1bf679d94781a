"""What every captioner promises, checked on one: for the tests of a class of your own, and of ours."""

import itertools
import json
from typing import Any

import torch
from torch import Tensor

from hemblip.data.dataset import Batch
from hemblip.metrics.confidence import TokenScore
from hemblip.models.captioner import Captioner
from hemblip.models.loading import build
from hemblip.morphology import describe
from hemblip.morphology.spelling import printed

TOLERANCE = 1e-3
"""Nats of a caption's loss, and of a token's log-probability, that batches of another size may change."""


def check_captioner(captioner: Captioner, rebuild: bool = True) -> None:
    """Check that a captioner keeps the contract of `Captioner`: shapes, losses, decoding, gradients, settings.

        def test_my_captioner():
            check_captioner(MyCaptioner(size="tiny"))

    Args:
        captioner: a small one on the CPU; nothing is trained, its gradients are overwritten.
        rebuild: make a second one of its settings and weights, as `hemblip.load` does.

    Raises:
        AssertionError: the contract is broken; it says how.
    """
    kind = type(captioner).__name__
    assert isinstance(captioner, Captioner), f"{kind} is no subclass of hemblip.models.captioner.Captioner"
    batch = _batch(captioner.image_size)
    captioner.eval()
    with torch.no_grad():
        _check_pictures(captioner, batch, kind)
        _check_answers(captioner, batch, kind)
        captions = _check_decoding(captioner, batch, kind)
    _check_training(captioner, batch, kind)
    _check_settings(captioner, kind)
    if rebuild:
        with torch.no_grad():
            _check_rebuilding(captioner, batch, captions, kind)


def _batch(size: int) -> Batch:
    """Three pictures of noise, whose captions have different lengths."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8, generator=generator)
    monocyte = {"cell_type": "monocyte", "cell_size": "large", "nucleus_shape": "irregular", "chromatin": "loose"}
    captions = [describe(monocyte), describe({"cell_type": "lymphocyte"}), describe({"cell_type": "eosinophil"})]
    return {"images": images, "captions": captions, "cell_ids": ["a", "b", "c"]}


def _part(batch: Batch, index: int) -> Batch:
    """One cell of a batch, on its own."""
    here = slice(index, index + 1)
    return {key: batch[key][here] for key in ("images", "captions", "cell_ids")}  # type: ignore[return-value]


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=TOLERANCE, rtol=TOLERANCE)


def _check_answers(captioner: Captioner, batch: Batch, kind: str) -> None:
    """Captions become tokens and back; losses are sums over a cell's tokens that do not depend on its neighbours."""
    answers, pad = captioner.answer_ids(batch["captions"]), captioner.tokenizer.pad_token_id
    assert answers.ndim == 2 and len(answers) == 3 and answers.dtype == torch.long, (
        f"{kind}.answer_ids gives {answers.dtype} of shape {tuple(answers.shape)}; it is long, (B, A)"
    )
    filled = (answers == pad).int()
    assert (filled.diff(dim=1) >= 0).all(), f"{kind}.answer_ids has padding before a token; pad on the right"
    ends = {int(row[row != pad][-1]) for row in answers}
    assert len(ends) == 1, f"{kind}.answer_ids ends captions by {sorted(ends)}; each ends by the same mark"
    read = captioner.tokenizer.batch_decode(answers.tolist(), skip_special_tokens=True)
    for caption, text in zip(batch["captions"], read, strict=True):
        assert printed(text).lower() == caption.lower(), f"{kind}: tokens of '{caption}' are read back as '{text}'"
    logits = captioner.answer_logits(batch, answers)
    assert logits.ndim == 3 and logits.shape[:2] == answers.shape and logits.shape[2] > int(answers.max()), (
        f"{kind}.answer_logits has shape {tuple(logits.shape)}; it is (B, A, words), A = {answers.shape[1]}"
    )
    losses, tokens = captioner.loss_per_cell(batch)
    assert losses.shape == tokens.shape == (3,), f"{kind}.loss_per_cell has shape {tuple(losses.shape)}; it is (B,)"
    assert torch.isfinite(losses).all() and (losses > 0).all(), f"{kind}.loss_per_cell is {losses.tolist()}"
    assert torch.equal(tokens.cpu(), (answers != pad).sum(1).cpu()), f"{kind}.loss_per_cell counts other tokens"
    for index in range(3):
        alone, _ = captioner.loss_per_cell(_part(batch, index))
        assert _near(alone, losses[index : index + 1]), (
            f"{kind}: the loss of a cell is {alone.item():.4f} alone and {losses[index].item():.4f} beside others; "
            "padding or neighbours leak into it"
        )
    turned: Batch = {**batch, "images": batch["images"].flip(0)}
    other, _ = captioner.loss_per_cell(turned)
    assert not torch.allclose(other, losses, atol=1e-6, rtol=0), f"{kind}: the loss does not depend on the image"


def _check_pictures(captioner: Captioner, batch: Batch, kind: str) -> None:
    encoded = captioner.encode(batch["images"])
    assert encoded.ndim == 3 and len(encoded) == 3, f"{kind}.encode has shape {tuple(encoded.shape)}; it is (B, P, D)"
    for pooling in ("mean", "first"):
        embedded = captioner.embed(batch, pooling)
        assert embedded.ndim == 2 and len(embedded) == 3, (
            f"{kind}.embed has shape {tuple(embedded.shape)}; it is (B, D)"
        )
        assert torch.isfinite(embedded).all(), f"{kind}.embed gives numbers that are not finite"
        assert _near(captioner.embed(_part(batch, 1), pooling), embedded[1:2]), (
            f"{kind}.embed: a cell's embedding depends on its neighbours"
        )


def _check_decoding(captioner: Captioner, batch: Batch, kind: str) -> list[str]:
    """Generated tokens have the probabilities that training gives them, whatever the neighbours; greedily, twice."""
    with captioner.greedily():
        generated = captioner.generate_tokens(batch)
        again = captioner.generate_tokens(batch)
        assert len(generated) == 3, f"{kind}.generate_tokens gives {len(generated)} captions of 3 cells"
        assert [[token.token for token in row] for row in generated] == [
            [token.token for token in row] for row in again
        ], f"{kind}.generate_tokens gives other captions the second time; nothing is drawn without `chances`"
        for index, row in enumerate(generated):
            assert 0 < len(row) <= captioner.decoding.max_new_tokens, (
                f"{kind}.generate_tokens gives {len(row)} tokens; decoding.max_new_tokens is "
                f"{captioner.decoding.max_new_tokens}"
            )
            assert all(token.log_probability <= TOLERANCE for token in row), f"{kind}: a log-probability is above 0"
            answer = torch.tensor([[token.token for token in row]], device=batch["images"].device)
            logits = captioner.answer_logits(_part(batch, index), answer)
            trained = logits.float().log_softmax(-1).gather(2, answer.unsqueeze(2))[0, :, 0]
            told = torch.tensor([token.log_probability for token in row])
            assert _near(trained.cpu(), told), (
                f"{kind}: log-probabilities of generation and of `answer_logits` differ by up to "
                f"{(trained.cpu() - told).abs().max():.4f}; both have to see the same model"
            )
            (alone,) = captioner.generate_tokens(_part(batch, index))
            assert [token.token for token in alone] == [token.token for token in row], (
                f"{kind}.generate_tokens: a cell's caption depends on its neighbours"
            )
        described = captioner.describe_batch(batch)
        assert all(isinstance(score, TokenScore) for one in described for score in one.tokens)
        return [one.caption for one in described]


def _check_training(captioner: Captioner, batch: Batch, kind: str) -> None:
    trained = {name: weight for name, weight in captioner.named_parameters() if weight.requires_grad}
    if captioner.adaptation == "base":
        assert not trained, f"{kind}: adaptation is base, but {next(iter(trained))} trains"
        return
    assert trained, f"{kind}: nothing trains"
    captioner.train()
    for name in captioner.frozen:
        assert not captioner.get_submodule(name).training, f"{kind}.train lets the frozen {name} train"
        assert not any(weight.requires_grad for weight in captioner.get_submodule(name).parameters()), (
            f"{kind}: {name} is frozen, but has weights that require gradients"
        )
    captioner.zero_grad(set_to_none=True)
    losses, tokens = captioner.loss_per_cell(batch)
    (losses.sum() / tokens.sum()).backward()  # type: ignore[no-untyped-call]
    gradients = [weight.grad for weight in trained.values() if weight.grad is not None]
    assert gradients and all(torch.isfinite(one).all() for one in gradients), f"{kind}: gradients are not finite"
    assert any(one.abs().sum() > 0 for one in gradients), f"{kind}: no gradient reaches what trains"
    held = [weight for weight in captioner.parameters() if not weight.requires_grad]
    assert all(weight.grad is None for weight in held), f"{kind}: a frozen weight has a gradient"
    captioner.zero_grad(set_to_none=True)
    captioner.eval()


def _check_settings(captioner: Captioner, kind: str) -> None:
    settings = captioner.settings()
    try:
        json.dumps(settings)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{kind}: its settings are no plain values ({error}); a checkpoint holds them") from error


def _check_rebuilding(captioner: Captioner, batch: Batch, captions: list[str], kind: str) -> None:
    """A second captioner of the same settings takes a checkpoint of the first, and says the same."""
    checkpoint: dict[str, Any] = {}
    captioner.on_save_checkpoint(checkpoint)
    second = build(captioner.settings(), kind).to(captioner.device).eval()
    second.on_load_checkpoint(checkpoint)
    second.load_state_dict(checkpoint["state_dict"], strict=False)
    ours, theirs = captioner.named_parameters(), second.named_parameters()
    for (name, one), (_, other) in itertools.zip_longest(ours, theirs, fillvalue=("", torch.empty(0))):
        assert torch.equal(one, other), f"{kind}: {name} is not in its checkpoint, nor made again by its settings"
    with second.greedily():
        assert second.generate(batch) == captions, f"{kind}: loaded from a checkpoint it says other things"
