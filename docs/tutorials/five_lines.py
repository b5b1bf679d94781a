# %% [markdown]
# # Five lines to a caption
#
# The captioner and the cells come with the package: nothing is downloaded. The cells are WBCAtt's (Acevedo et al.,
# 2020, CC BY 4.0); the captioner has not seen them.

# %%
import os
import warnings

os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore")  # of bars that notebooks lack

# %%
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import hemblip

captioner = hemblip.load("wbcatt-compact")
paths = sorted((Path(hemblip.__file__).parent / "data" / "cells").glob("*.jpg"))[::3]
described = captioner.describe(paths)

# %%
figure, axes = plt.subplots(1, len(paths), figsize=(9, 3))
for axis, path, cell in zip(axes, paths, described, strict=True):
    axis.imshow(Image.open(path))
    axis.set_title(f"{cell.attributes['cell_type']}, {cell.confidence['cell_type']:.0%} sure")
    axis.axis("off")

# %% [markdown]
# Each caption, and the statement that it is least sure of:

# %%
for cell in described:
    doubt = min(cell.confidence, key=cell.confidence.get)
    print(f"{cell.caption}\n  least sure: {doubt} = {cell.attributes[doubt]}, {cell.confidence[doubt]:.0%}\n")

# %% [markdown]
# Files of WBCAtt are named by their class, so the cell type can be scored:

# %%
names = {"ba": "basophil", "bne": "neutrophil", "eo": "eosinophil", "ly": "lymphocyte", "mo": "monocyte"}
truth = [{"cell_type": names[path.name.split("_")[0]]} for path in paths]
hemblip.score([cell.caption for cell in described], annotations=truth)["accuracy"]
