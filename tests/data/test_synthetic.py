from collections import Counter
from errno import ENOSPC
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from hemblip.data.images import read_image
from hemblip.data.sources import Synthetic
from hemblip.data.synthetic.population import DIAGNOSES, draw_attributes, patients
from hemblip.data.synthetic.renderer import draw, render
from hemblip.data.synthetic.shapes import nucleus
from hemblip.data.synthetic.stain import draw_slide
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import HEALTHY, SCHEMA

SIZE = 64


def drawn(changes, diagnosis=HEALTHY, wanted="neutrophil", seed=0):
    """One cell of a type, with some attributes changed and all else equal."""
    rng = np.random.default_rng(seed)
    cell = draw_attributes(diagnosis, rng)
    while cell["cell_type"] != wanted:
        cell = draw_attributes(diagnosis, rng)
    slide = draw_slide(False, np.random.default_rng(seed))
    return render({**cell, **changes}, slide, SIZE, np.random.default_rng(seed)).astype(int)


def share(pixels, condition):
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return float(condition(red, green, blue).mean())


def violet(red, green, blue):
    return (blue > green + 40) & (red < 190)


def dark_violet(red, green, blue):
    return (blue > green + 40) & (red < 130)


def test_same_seed_same_cells(tmp_path):
    first, second = (Synthetic(12, seed=3, size=SIZE, folder=str(tmp_path / name)).records() for name in "ab")
    places = ["image", "masks"]
    assert first.drop(columns=places).equals(second.drop(columns=places))
    for one, other in zip(first["image"], second["image"], strict=True):
        assert (read_image(one) == read_image(other)).all()
    assert (
        not Synthetic(12, seed=4, size=SIZE, folder=str(tmp_path / "a"))
        .records()["cell_type"]
        .equals(first["cell_type"])
    )


def test_population_covers_types_and_diagnoses(tmp_path, monkeypatch):
    monkeypatch.setattr(Synthetic, "_render", lambda *_: None)
    cells = Synthetic(1000, size=16, folder=str(tmp_path)).records()
    assert set(cells["diagnosis"]) == set(SCHEMA["diagnosis"])
    assert set(cells["cell_type"]) == set(SCHEMA["cell_type"])
    assert 0.45 < (cells["diagnosis"] == HEALTHY).mean() < 0.55
    assert cells.groupby("group")["diagnosis"].nunique().max() == 1


@pytest.mark.parametrize("seed", range(3))
def test_attributes_can_be_seen(seed):
    small, large = (share(drawn({"cell_size": size}, seed=seed), violet) for size in ("small", "large"))
    assert large > 1.5 * small
    low, high = (
        share(drawn({"nuclear_cytoplasmic_ratio": ratio}, wanted="lymphocyte", seed=seed), dark_violet)
        for ratio in ("low", "high")
    )
    assert high > 1.2 * low
    eosinophil = drawn({}, wanted="eosinophil", seed=seed)
    pale = drawn({"granules": "absent", "granule_colour": None}, wanted="eosinophil", seed=seed)
    orange = [share(image, lambda r, g, b: (r > 150) & (g < 120) & (b < 120)) for image in (eosinophil, pale)]
    assert orange[0] > 0.02 > orange[1]
    plain, spotted = (
        drawn({"cytoplasm_vacuoles": value, "cytoplasm_colour": "blue"}, wanted="monocyte", seed=seed)
        for value in ("absent", "present")
    )
    centre = slice(SIZE // 4, 3 * SIZE // 4)
    white = [
        share(image[centre, centre], lambda r, g, b: np.minimum(np.minimum(r, g), b) > 200)
        for image in (plain, spotted)
    ]
    assert white[1] > white[0]


def pair(key, values, wanted, diagnosis, seed, **fixed):
    """One cell drawn with each value of an attribute, all else the same; pixels as integers."""
    rng = np.random.default_rng(seed)
    cell = draw_attributes(diagnosis, rng)
    while cell["cell_type"] != wanted:
        cell = draw_attributes(diagnosis, rng)
    slide = draw_slide(False, np.random.default_rng(seed))

    def streams(stage):
        return np.random.default_rng([seed, *stage.encode()])

    found = [draw({**cell, **fixed, key: value}, slide, 128, streams) for value in values]
    return [(drawing.pixels.astype(int), drawing.masks) for drawing in found]


def grown(mask, pixels):
    """A mask with a seam more or less."""
    step = cv2.dilate if pixels > 0 else cv2.erode
    return step(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=abs(pixels)).astype(bool)


@pytest.mark.parametrize("seed", range(4))
def test_vacuoles_lie_within_the_cytoplasm(seed):
    (plain, masks), (spotted, _) = pair("cytoplasm_vacuoles", ["absent", "present"], "monoblast", "AML", seed)
    changed = np.abs(spotted - plain).max(2) > 40
    assert changed.sum() > 60 and not (changed & ~grown(masks.cytoplasm, 1)).any()


@pytest.mark.parametrize("seed", range(4))
def test_nucleoli_are_pale_places_in_the_nucleus_without_a_rim(seed):
    (plain, masks), (spotted, _) = pair("nucleoli", ["inconspicuous", "prominent"], "lymphoblast", "ALL", seed)
    change = (spotted - plain)[..., 1]  # green, which chromatin takes away
    assert (change > 20).sum() > 30 and not ((np.abs(change) > 20) & ~grown(masks.nucleus, 1)).any()
    assert (change < -25).mean() < 0.002


@pytest.mark.parametrize(("wanted", "diagnosis"), [("basophil", HEALTHY), ("basophil", "CML")])
@pytest.mark.parametrize("seed", range(3))
def test_granules_leave_the_outline_of_the_nucleus_free(wanted, diagnosis, seed):
    values = ["absent", "coarse"]
    (plain, masks), (full, _) = pair("granules", values, wanted, diagnosis, seed, cell_size="large", cell_shape="round")
    changed = np.abs(full - plain).max(2) > 40
    assert changed[masks.cytoplasm].mean() > 0.15 and changed[masks.nucleus].mean() < 0.2
    outline = grown(masks.nucleus, 1) & ~grown(masks.nucleus, -1)
    assert changed[outline].mean() < 0.08


@pytest.mark.parametrize("seed", range(6))
def test_irregular_cells_are_not_round(seed):
    found = pair("cell_shape", ["round", "irregular"], "neutrophil", HEALTHY, seed)
    roundness = []
    for _, masks in found:
        (outline,), _ = cv2.findContours(
            (masks.nucleus | masks.cytoplasm).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        roundness.append(cv2.contourArea(outline) / (np.pi * cv2.minEnclosingCircle(outline)[1] ** 2))
    assert roundness[0] > 0.86 > 0.83 > roundness[1]


def lobes(mask, radius):
    """Parts that are left when what is thinner than `2 * radius` pixels is taken away."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.connectedComponents(cv2.morphologyEx((mask > 0.5).astype(np.uint8), cv2.MORPH_OPEN, kernel))[0] - 1


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        ("segmented-bilobed", {2}),
        ("segmented-multilobed", {3, 4, 5}),
        ("unsegmented-band", {1}),
        ("unsegmented-indented", {1}),
        ("unsegmented-round", {1}),
    ],
)
def test_lobes_are_joined_by_filaments(shape, counts):
    drawn_counts = set()
    for seed in range(12):
        mask = nucleus(shape, 256, (128.0, 128.0), 60.0, np.random.default_rng(seed))
        assert lobes(mask, 0) == 1
        drawn_counts.add(lobes(mask, 9))
    assert drawn_counts <= counts and len(drawn_counts) >= min(2, len(counts))


@pytest.mark.parametrize("cells", [7, 450, 500, 555])
def test_every_slide_has_as_many_patients_of_each_diagnosis(cells):
    source, people = Synthetic(cells), patients(cells)
    shared = Counter((source.slide(patient.number), patient.diagnosis) for patient in people)
    slides = {slide for slide, _ in shared}
    for slide in slides:
        assert [shared[slide, diagnosis] for diagnosis in DIAGNOSES] == [5 if d == HEALTHY else 1 for d in DIAGNOSES]


def corner_features(path):
    """Colour, noise and stretch of the corners, which hold red cells and no white one."""
    corners = read_image(path)[[*range(6), *range(42, 48)]][:, [*range(6), *range(42, 48)]]
    across, down = (np.abs(np.diff(corners.astype(int), axis=axis)).mean((0, 1)) + 1 for axis in (0, 1))
    return np.concatenate([corners.mean((0, 1)), corners.std((0, 1)), across, down, np.log(across / down)])


def test_background_tells_no_diagnosis_of_other_patients_rightly_or_wrongly(tmp_path):
    """Whoever is wrong more often than chance would have it has learnt something too."""
    areas, patients = [], 0
    for seed in range(3):
        cells = Synthetic(120, seed=seed, size=48, folder=str(tmp_path)).records()
        features = np.stack([corner_features(path) for path in cells["image"]])
        features = (features - features.mean(0)) / features.std(0)
        healthy = (cells["diagnosis"] == HEALTHY).to_numpy()
        told = cross_val_predict(
            LogisticRegression(), features, healthy, groups=cells["group"], cv=GroupKFold(5), method="predict_proba"
        )
        of_patients = cells.assign(told=told[:, 1], healthy=healthy).groupby("group")[["told", "healthy"]].mean()
        areas.append(roc_auc_score(of_patients["healthy"] == 1, of_patients["told"]))
        patients = len(of_patients)
    error = np.sqrt((patients + 1) / (3 * patients**2) / len(areas))  # of the mean of Mann and Whitney's statistic
    assert abs(np.mean(areas) - 0.5) < 2.5 * error


def test_settings_are_checked():
    for settings, said in (
        ({"cells": 0}, "cells is 0"),
        ({"cells": 10**9}, "cells is 1000000000"),
        ({"size": 8}, "size is 8"),
    ):
        with pytest.raises(ConfigError, match=said):
            Synthetic(**settings)
    with pytest.raises(ConfigError, match="seed is -1"):
        Synthetic(seed=-1)


def test_only_what_is_missing_is_drawn_again(tmp_path, monkeypatch):
    def records():
        return Synthetic(6, size=32, folder=str(tmp_path)).records()

    paths = [Path(image) for image in records()["image"]]
    before = [path.read_bytes() for path in paths]
    written = [path.stat().st_mtime_ns for path in paths]
    paths[4].unlink()
    records()
    assert [path.read_bytes() for path in paths] == before
    assert [path.stat().st_mtime_ns == time for path, time in zip(paths, written, strict=True)].count(False) == 1
    monkeypatch.setattr(Image.Image, "save", lambda *_, **__: pytest.fail("drawn again"))
    records()


@pytest.mark.parametrize("how", ["empty", "cut", "overwritten", "flipped"])
@pytest.mark.parametrize("place", ["image", "masks"])
def test_what_is_damaged_is_drawn_again_and_said(tmp_path, capsys, how, place):
    source = Synthetic(4, size=32, folder=str(tmp_path))
    path = Path(source.records()[place][2])
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    path.write_bytes({"empty": b"", "cut": data[:-20], "overwritten": b"x" * len(data), "flipped": flipped}[how])
    folder = Path(source.records()["image"][2]).parent
    assert path.read_bytes() == data
    assert capsys.readouterr().err == f"note: {folder}: damaged; 1 of 4 cells are drawn again\n"
    source.records()
    assert not capsys.readouterr().err


def test_a_full_disk_is_told_and_drawing_goes_on_when_there_is_room(tmp_path, monkeypatch):
    save, saved = Image.Image.save, []

    def fill(image, path, *arguments, **settings):
        saved.append(path)
        if len(saved) == 8:  # masks, then images
            Path(path).write_bytes(b"half of an image")
            raise OSError(ENOSPC, "No space left on device")
        save(image, path, *arguments, **settings)

    source = Synthetic(6, size=32, folder=str(tmp_path / "drawn"))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", fill)
        with pytest.raises(
            DataError, match=r"00003\.png: cannot be written \(No space left .*; make room or set"
        ) as error:
            source.records()
    assert "`folder` of Synthetic" in str(error.value)
    (folder,) = (tmp_path / "drawn").glob("internal-*[!s]")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert all(read_image(path).shape == (32, 32, 3) for path in source.records()["image"])


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    source = Synthetic(4, size=16, folder=str(tmp_path / "drawn"))
    (tmp_path / "drawn").write_text("a file")
    with pytest.raises(DataError, match=r"cannot be written \(.*drawn is a file\); .* `folder` of Synthetic"):
        source.records()
    (tmp_path / "drawn").unlink()
    (folder,) = {Path(image).parent for image in source.records()["image"]}
    for image in folder.iterdir():
        image.unlink()
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(DataError, match=rf"cannot be written \({folder} is a file\)"):
        source.records()
