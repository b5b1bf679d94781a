from errno import ENOSPC
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from hemblip.data.images import read_image
from hemblip.data.sources import Synthetic
from hemblip.data.synthetic.population import draw_attributes
from hemblip.data.synthetic.renderer import render
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


def test_population_covers_types_and_diagnoses(tmp_path):
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


def test_background_does_not_tell_the_diagnosis(tmp_path):
    """Corners hold red cells and no white one: their colour, noise and stretch say nothing of other patients."""
    cells = Synthetic(600, size=48, folder=str(tmp_path)).records()
    corners = [read_image(path)[[*range(6), *range(42, 48)]][:, [*range(6), *range(42, 48)]] for path in cells["image"]]

    def edges(corner, axis):
        return np.abs(np.diff(corner.astype(int), axis=axis)).mean((0, 1)) + 1

    features = np.stack(
        [
            np.concatenate([c.mean((0, 1)), c.std((0, 1)), edges(c, 0), edges(c, 1), np.log(edges(c, 0) / edges(c, 1))])
            for c in corners
        ]
    )
    healthy = (cells["diagnosis"] == HEALTHY).to_numpy()
    features = (features - features.mean(0)) / features.std(0)
    predicted = cross_val_predict(LogisticRegression(), features, healthy, groups=cells["group"], cv=GroupKFold(5))
    patients = cells["group"].nunique()
    assert (predicted == healthy).mean() < 0.5 + 2.5 * 0.5 / np.sqrt(patients)


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="at least 1 and 16"):
        Synthetic(cells=0)


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
