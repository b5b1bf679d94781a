"""Light classifiers on frozen embeddings: cosine-similarity heads, the paper's and its code's, linear, neighbours."""

import copy
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Predict = Callable[[Features], Labels]

EPOCHS = 20
PATIENCE = 6
BATCH = 64
RELEASED_BATCH = 2_048
NEIGHBOURS = 15


class Standardize:
    """Z-scores by the training cells, then unit length, as in the paper.

    Args:
        features: training embeddings (N, D).
    """

    def __init__(self, features: Features) -> None:
        self.mean = features.mean(0, dtype=np.float64)
        deviation = features.std(0, dtype=np.float64)
        self.deviation = np.where(deviation > 1e-8, deviation, 1.0)

    def __call__(self, features: Features) -> Features:
        """Give the standardised embeddings (N, D), each of length 1."""
        scores = (features - self.mean) / self.deviation
        lengths = np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-8)
        directions: Features = (scores / lengths).astype(np.float32)
        return directions


class CosineHead(nn.Module):
    """One direction a class; the logit is the scaled cosine between it and the embedding.

    Args:
        start: where the directions (C, D) start.
    """

    def __init__(self, start: torch.Tensor) -> None:
        super().__init__()
        self.directions = nn.Parameter(functional.normalize(start, dim=1))
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of embeddings (N, D) of length 1."""
        return self.scale * features @ functional.normalize(self.directions, dim=1).T


def class_weights(labels: Labels) -> NDArray[np.float64]:
    """Weights (C,) inversely proportional to how often a class occurs; every class of 0..C-1 must occur."""
    counts = np.bincount(labels)
    return len(labels) / (len(counts) * counts)


def fit_cosine(features: Features, labels: Labels, validation: Features, answers: Labels, seed: int = 0) -> Predict:
    """Train the paper's head: AdamW 5e-4, weight decay 1e-4, 20 epochs, class weights, best macro-F1, patience 6.

    Directions start at the classes' means and batches have 64 cells, because the paper says neither, and what its code
    has (`fit_released`) does not arrive on small sets.

    Args:
        features: training embeddings (N, D), standardised.
        labels: classes 0..C-1 (N,), each occurring.
        validation: embeddings (V, D) for choosing the epoch; without any the last one is taken.
        answers: their classes (V,).
        seed: of the batch order.
    """
    means = np.stack([features[labels == index].mean(0) for index in range(int(labels.max()) + 1)])
    return _fit(CosineHead(torch.from_numpy(means)), BATCH, False, features, labels, validation, answers, seed)


def fit_released(features: Features, labels: Labels, validation: Features, answers: Labels, seed: int = 0) -> Predict:
    """Train the head of the paper's released code; arguments as of `fit_cosine`.

    Directions start at random (He et al., ICCV 2015, uniform), batches have up to 2,048 cells, and the learning rate
    falls along a half cosine.
    """
    directions = torch.empty(int(labels.max()) + 1, features.shape[1])
    nn.init.kaiming_uniform_(directions, a=5**0.5, generator=torch.Generator().manual_seed(seed))
    return _fit(CosineHead(directions), RELEASED_BATCH, True, features, labels, validation, answers, seed)


def _fit(
    head: CosineHead,
    batch: int,
    falling: bool,
    features: Features,
    labels: Labels,
    validation: Features,
    answers: Labels,
    seed: int,
) -> Predict:
    random = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    weights = torch.from_numpy(class_weights(labels)).float()
    optimiser = torch.optim.AdamW(head.parameters(), lr=5e-4, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda epoch: (1 + math.cos(math.pi * epoch / EPOCHS)) / 2 if falling else 1.0
    )
    best, best_score, since = copy.deepcopy(head), -1.0, 0
    for _ in range(EPOCHS):
        for cells in torch.randperm(len(inputs), generator=random).split(batch):  # type: ignore[no-untyped-call]
            optimiser.zero_grad()
            functional.cross_entropy(head(inputs[cells]), targets[cells], weights).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        score = macro_f1(answers, _argmax(head, validation)) if len(answers) else best_score + 1
        since += 1
        if score > best_score:
            best, best_score, since = copy.deepcopy(head), score, 0
        if since >= PATIENCE:
            break
    return lambda queries: _argmax(best, queries)


def macro_f1(answers: Labels, guesses: Labels) -> float:
    """F1 averaged over the classes that occur in either."""
    return float(f1_score(answers, guesses, average="macro", zero_division=0))


@torch.no_grad()
def _argmax(head: CosineHead, features: Features) -> Labels:
    classes: Labels = head(torch.from_numpy(features)).argmax(1).numpy()
    return classes


def fit_linear(features: Features, labels: Labels, validation: Features, answers: Labels, seed: int = 0) -> Predict:
    """Train a logistic regression with class weights; the arguments are those of `fit_cosine`.

    The strength of its penalty is chosen by macro-F1 on the validation cells.
    """
    best: Any = None
    best_score = -1.0
    for strength in (1.0, 10.0, 100.0) if len(answers) else (10.0,):
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=200, tol=1e-3, random_state=seed)
        model.fit(features, labels)
        score = macro_f1(answers, model.predict(validation)) if len(answers) else 0.0
        if score > best_score:
            best, best_score = model, score
    return lambda queries: np.asarray(best.predict(queries), dtype=np.int64)


def fit_neighbours(features: Features, labels: Labels, validation: Features, answers: Labels, seed: int = 0) -> Predict:
    """Keep the training cells and vote among the nearest by cosine; arguments as of `fit_cosine`, nothing is chosen."""
    model = KNeighborsClassifier(n_neighbors=min(NEIGHBOURS, len(labels)), weights="distance")
    model.fit(features, labels)
    return lambda queries: np.asarray(model.predict(queries), dtype=np.int64)


HEADS: Mapping[str, Callable[..., Predict]] = MappingProxyType(
    {"cosine": fit_cosine, "released": fit_released, "linear": fit_linear, "knn": fit_neighbours}
)
"""By the name that a config uses."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "cosine": "the paper's head, started at the classes' means, in batches of 64",
        "released": "as in the paper's code: started at random, in batches of up to 2,048, with a falling rate",
        "linear": "logistic regression",
        "knn": "a vote of the nearest training cells",
    }
)
"""In words."""
