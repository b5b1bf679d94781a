"""A map of the embeddings in two dimensions, coloured by class."""

from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from hemblip.atomic import replacing
from hemblip.errors import ConfigError

Map = dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]
"""By backbone: points (N, 2) and the class of each."""

SPECTRAL = 15
"""UMAP's spectral start fails on fewer cells."""


def plane(features: NDArray[np.float32], method: Literal["pca", "umap"], seed: int) -> NDArray[np.float32]:
    """Project embeddings (N, D) to (N, 2).

    Raises:
        ConfigError: UMAP is asked for but not installed.
    """
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise ConfigError("figure: umap needs umap-learn; `pip install 'hemblip[probing]'`, or use pca") from error
        start = "spectral" if len(features) > SPECTRAL else "random"
        return np.asarray(UMAP(random_state=seed, init=start).fit_transform(features), dtype=np.float32)
    return np.asarray(PCA(2, random_state=seed).fit_transform(features), dtype=np.float32)


def draw_map(maps: Map, classes: tuple[str, ...], title: str, path: Path) -> None:
    """Draw one panel a backbone.

    Args:
        maps: for each backbone, points (N, 2) and the class of each; -1 is left out.
        classes: names of the classes.
        title: of the figure.
        path: PNG to write.
    """
    palette = matplotlib.colormaps["tab10"]
    drawn = sorted({int(label) for _, labels in maps.values() for label in labels if label >= 0})
    figure = Figure(figsize=(4.2 * len(maps) + 2.2, 4.4), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for panel, (backbone, (points, labels)) in zip(panels, maps.items(), strict=True):
        for index in drawn:
            chosen = points[labels == index]
            style: dict[str, Any] = {"color": palette(index % 10), "marker": "o^"[index // 10], "label": classes[index]}
            panel.scatter(chosen[:, 0], chosen[:, 1], s=9, alpha=0.7, linewidths=0, **style)
        panel.set(title=backbone, xticks=[], yticks=[])
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, markerscale=2.5)
    figure.suptitle(title)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=130, format="png")
