# %% [markdown]
# # Five lines to a caption
#
# The captioner and the cells come with the package: nothing is downloaded. The cells are WBCAtt's (Acevedo et al.,
# 2020, CC BY 4.0); the captioner has not seen them.

# %% tags=["quiet"]
import os
import warnings

os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore")  # of bars that notebooks lack

# %%
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import hemblip

captioner = hemblip.load("wbcatt-compact")
folder = Path(hemblip.__file__).parent / "data" / "cells"
paths = sorted(folder.glob("*.jpg"))[::3]
described = captioner.describe(paths)

# %%
figure, axes = plt.subplots(1, len(paths), figsize=(9, 3))
for axis, path, cell in zip(axes, paths, described, strict=True):
    axis.imshow(Image.open(path))
    axis.set_title(cell.attributes["cell_type"])
    axis.axis("off")

# %% [markdown]
# Each caption, and the statement that it is least sure of:

# %%
for cell in described:
    doubt = min(cell.confidence, key=cell.confidence.get)
    print(textwrap.fill(cell.caption, 76))
    print(f"  least sure: {doubt} = {cell.attributes[doubt]}, {cell.confidence[doubt]:.0%}\n")

# %% [markdown]
# Files of WBCAtt are named by their class, so the cell type can be scored:

# %%
names = {"ba": "basophil", "bne": "neutrophil", "eo": "eosinophil", "ly": "lymphocyte"}
truth = [{"cell_type": names[path.name.split("_")[0]]} for path in paths]
captions = [cell.caption for cell in described]
hemblip.score(captions, annotations=truth)["accuracy"]
