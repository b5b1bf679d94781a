"""Self-critical training: what is sampled, what it is worth, and its gradient, each against another way to get it."""

import pytest
import torch
from models.vlm_twins import SIDE, written
from test_captioner import Cells, fit
from tiny_blip import tiny

from hemblip.errors import ConfigError
from hemblip.models import rewards as module
from hemblip.models.decoding import Decoding
from hemblip.models.decoding.sampling import pick
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.rewards import Rewards, chances, self_critical
from hemblip.models.vlm import VlmCaptioner

SEED = (0, 0)
ANNOTATIONS = [{"cell_type": "monocyte", "cell_size": "large"}, {"cell_type": "lymphocyte"}, {"cell_type": "basophil"}]


def batch(side=32, cells=3):
    images = torch.randint(
        0, 256, (cells, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    captions = ["A large monocyte.", "A lymphocyte.", "Basophil"][:cells]
    return {
        "images": images,
        "captions": captions,
        "cell_ids": list("abc")[:cells],
        "annotations": ANNOTATIONS[:cells],
    }


def captioners(tmp_path):
    """Of each kind, with captions of at most six words."""
    decoding = Decoding(num_beams=3, max_new_tokens=6, no_repeat_ngram_size=2)
    yield tiny(decoding=decoding), 32
    yield MedGemmaCaptioner(pretrained="compact", adaptation="full", decoding=decoding), 96
    yield VlmCaptioner(written("qwen", tmp_path), image_size=SIDE, adaptation="full", decoding=decoding), SIDE


def test_words_are_as_frequent_as_they_are_likely():
    logits = torch.randn(7, generator=torch.Generator().manual_seed(0))
    grid = (torch.arange(10_000) + 0.5) / 10_000
    drawn = pick(logits.expand(10_000, -1), grid, never=[2])
    expected = logits.softmax(-1).index_fill(0, torch.tensor(2), 0)
    assert torch.allclose(torch.bincount(drawn, minlength=7) / 10_000, expected / expected.sum(), atol=2e-4)
    assert pick(logits[None], torch.tensor([1 - 1e-12]).double()) == 6


def test_a_caption_keeps_its_numbers_when_others_end():
    captioner = tiny(decoding=Decoding(max_new_tokens=8)).eval()
    with torch.no_grad():
        captioner.model.text_decoder.cls.predictions.bias[captioner.tokenizer.sep_token_id] += 5.0
    cells = {**batch(), "images": batch()["images"].repeat(4, 1, 1, 1)}
    numbers = chances([str(place) for place in range(12)], 1, 8, SEED)
    together = captioner.generate_tokens(cells, numbers)
    assert len({len(tokens) for tokens in together}) > 2
    for place, tokens in enumerate(together):
        one = {"images": cells["images"][place : place + 1]}
        alone = captioner.generate_tokens(one, numbers[place : place + 1])[0]
        assert [token.token for token in alone] == [token.token for token in tokens]


def test_numbers_depend_on_cell_and_epoch_alone():
    assert torch.equal(chances(["a", "b"], 2, 5, SEED)[2:], chances(["b"], 2, 5, SEED))
    assert not torch.equal(chances(["a"], 2, 5, (0, 0)), chances(["a"], 2, 5, (0, 1)))
    assert not torch.equal(*chances(["a"], 2, 5, SEED))


def test_each_kind_samples_from_what_it_reads(tmp_path):
    """Word by word from the logits that predict it, whatever else is in the batch, without beams and rules."""
    for captioner, side in captioners(tmp_path):
        torch.manual_seed(1)
        captioner.eval()
        cells = batch(side)
        numbers = chances(cells["cell_ids"], 1, 6, SEED)
        never = [captioner.tokenizer.pad_token_id, getattr(captioner, "image_token", captioner.tokenizer.pad_token_id)]
        drawn = captioner.generate_tokens(cells, numbers)
        alone = captioner.generate_tokens({name: values[1:2] for name, values in cells.items()}, numbers[1:2])
        assert [token.token for token in alone[0]] == [token.token for token in drawn[1]]
        for place, tokens in enumerate(drawn):
            row = torch.tensor([[token.token for token in tokens]])
            with torch.no_grad():
                logits = captioner.answer_logits(
                    {name: values[place : place + 1] for name, values in cells.items()}, row
                )
            again = pick(logits[0], numbers[place, : row.shape[1]], never)
            assert again.tolist() == row[0].tolist()
            values = logits[0].log_softmax(-1).gather(1, row.T).squeeze(1)
            assert [token.log_probability for token in tokens] == pytest.approx(values.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A large monocyte.", 1.0),
        ("A monocyte.", 0.5),
        ("A small monocyte.", 0.0),  # one right, one contradicted
        ("A small basophil.", -1.0),
        ("A large monocyte with a round nucleus and vacuoles.", 1.0),  # not annotated, not judged
        ("", 0.0),
    ],
)
def test_a_caption_is_worth_what_it_gets_right(caption, expected):
    assert Rewards().reward(caption, ANNOTATIONS[0]) == expected
    assert Rewards(wrong=0).reward("A small basophil.", ANNOTATIONS[0]) == 0
    assert Rewards().reward(caption, {}) == 0


def gradient(captioner, loss):
    captioner.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in captioner.parameters() if p.grad is not None])


def test_the_gradient_is_that_of_the_expected_reward(monkeypatch):
    """Captions of one word, sampled evenly, against the sum over all words of probability times reward."""
    captioner = tiny(adaptation="lora", lora_dropout=0.0, decoding=Decoding(max_new_tokens=1))
    for inner in captioner.modules():
        if isinstance(inner, torch.nn.Dropout):
            inner.p = 0.0
    with torch.no_grad():  # words that state something are likely enough to be seen
        names = captioner.tokenizer.convert_tokens_to_ids(["monocyte", "lymphocyte", "basophil"])
        captioner.model.text_decoder.cls.predictions.bias[names] += 4.0
    cells, settings, count = batch(), Rewards(samples=1000, cross_entropy=0.0, weight=0.7), 1000
    grid = (torch.arange(count).double() + 0.5) / count
    monkeypatch.setattr(module, "chances", lambda ids, *_: grid.repeat(len(ids))[:, None])
    found = self_critical(captioner, cells, settings, SEED)
    estimate = gradient(captioner, found.losses.sum())

    words = len(captioner.tokenizer)
    texts = captioner.tokenizer.batch_decode([[word] for word in range(words)], skip_special_tokens=True)
    worth = torch.tensor([[settings.reward(text, row) for text in texts] for row in ANNOTATIONS])
    shares = captioner.answer_logits(cells, torch.zeros(3, 1, dtype=torch.long))[:, 0].softmax(-1)
    assert len({*worth.flatten().tolist()}) > 2 and (shares * (worth != 0)).sum(1).min() > 0.1
    exact = gradient(captioner, -0.7 * (shares * worth).sum())
    assert torch.nn.functional.cosine_similarity(estimate, exact, dim=0) > 0.999
    assert estimate.norm() == pytest.approx(exact.norm().item(), rel=0.03)


def test_samples_weigh_by_their_advantage_and_cross_entropy_anchors():
    """Captions of several words, each read on its own."""
    captioner = tiny(adaptation="lora", lora_dropout=0.0, decoding=Decoding(max_new_tokens=5))
    for inner in captioner.modules():
        if isinstance(inner, torch.nn.Dropout):
            inner.p = 0.0
    cells, settings = batch(), Rewards(samples=3, weight=0.5, cross_entropy=0.3)
    worth = iter([0.25, 0.5, 0.0, *[0.5, -1.0, 1.0, 0.0, 0.75, -0.5, 1.0, 0.25, -0.25]])
    judged = []
    object.__setattr__(settings, "reward", lambda _, annotation: judged.append(annotation) or next(worth))
    found = self_critical(captioner, cells, settings, SEED)
    assert found.greedy.tolist() == [0.25, 0.5, 0.0] and found.sampled[1].tolist() == [0.0, 0.75, -0.5]
    assert judged == [*ANNOTATIONS, *(row for row in ANNOTATIONS for _ in range(3))]
    expected = []
    for place in range(3):
        one = {name: values[place : place + 1] for name, values in cells.items()}
        nll, tokens = captioner.loss_per_cell(one)
        assert tokens.item() == found.tokens[place]
        loss = 0.3 * nll[0]
        for sample, numbers in enumerate(chances(one["cell_ids"], 3, 5, SEED)):
            captioner.eval()
            row = [token.token for token in captioner.generate_tokens(one, numbers[None])[0]]
            captioner.train()
            logits = captioner.answer_logits(one, torch.tensor([row]))[0].log_softmax(-1)
            likelihood = sum(logits[step, word] for step, word in enumerate(row))
            loss = loss - 0.5 / 3 * (found.sampled[place, sample] - found.greedy[place]) * likelihood
        expected.append(loss)
    torch.testing.assert_close(found.losses, torch.stack(expected), rtol=1e-4, atol=1e-4)
    both = [gradient(captioner, losses.sum()) for losses in (found.losses, torch.stack(expected))]
    torch.testing.assert_close(*both, rtol=1e-3, atol=1e-5)


def test_each_kind_trains_on_rewards(tmp_path):
    for captioner, side in captioners(tmp_path):
        found = self_critical(captioner, batch(side), Rewards(samples=2), SEED)
        assert captioner.training and found.sampled.shape == (3, 2)
        assert gradient(captioner, found.losses.sum()).isfinite().all()


class Annotated(Cells):
    def __getitem__(self, index):
        return {**super().__getitem__(index), "annotations": ANNOTATIONS}


def test_rewards_begin_after_their_epochs(tmp_path):
    captioner = tiny(rewards=Rewards(after=1, samples=2), decoding=Decoding(max_new_tokens=4))
    assert "train_reward" not in fit(captioner, tmp_path, steps=4, data=Annotated()).callback_metrics
    captioner = tiny(rewards=Rewards(after=1, samples=2), decoding=Decoding(max_new_tokens=4))
    metrics = fit(captioner, tmp_path, steps=5, data=Annotated()).callback_metrics
    assert -1 <= metrics["train_reward"] <= 1 and -1 <= metrics["sampled_reward"] <= 1


def test_rewards_make_captions_right(tmp_path):
    """From random weights, words that state the type become likely."""
    captioner = tiny(
        rewards=Rewards(samples=16, cross_entropy=0.0), decoding=Decoding(max_new_tokens=1), learning_rate=5e-3
    )
    with torch.no_grad():
        names = captioner.tokenizer.convert_tokens_to_ids(["monocyte", "lymphocyte"])
        captioner.model.text_decoder.cls.predictions.bias[names] += 5.0
    before = self_critical(captioner, batch(), Rewards(samples=64), SEED).sampled.mean()
    fit(captioner, tmp_path, steps=24, data=Annotated())
    after = self_critical(captioner, batch(), Rewards(samples=64), SEED).sampled.mean()
    assert after > before + 0.2


def test_cells_without_annotations_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"rewards: these cells have no annotations"):
        fit(tiny(rewards=Rewards()), tmp_path)
    with pytest.raises(ConfigError, match=r"rewards\.samples is 0"):
        Rewards(samples=0)
