import numpy as np
import pytest
from PIL import Image

from hemblip.data import images
from hemblip.data.image_check import check_images
from hemblip.data.images import read_cell, read_image, square
from hemblip.errors import DataError

RED = (204, 51, 51)  # in the web palette


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGB", "png"), ("RGBA", "tif"), ("P", "png"), ("CMYK", "jpg"), ("LA", "png"), ("RGB", "bmp"), ("L", "jpg")],
)
def test_modes_become_rgb(tmp_path, mode, suffix):
    path = tmp_path / f"cell.{suffix}"
    Image.new("RGB", (8, 6), RED).convert(mode).save(path)
    pixels = read_image(path)
    assert pixels.shape == (6, 8, 3) and pixels.dtype == np.uint8
    if mode not in ("L", "LA"):
        assert np.abs(pixels.astype(int) - RED).max() <= 12


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "cell.png")
    assert (read_image(tmp_path / "cell.png") == 255).all()


def test_sixteen_bit_grey_is_scaled(tmp_path):
    Image.fromarray(np.full((4, 4), 65535 // 2, np.uint16)).save(tmp_path / "cell.tif")
    assert np.abs(read_image(tmp_path / "cell.tif").astype(int) - 127).max() <= 1


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
def test_grey_of_any_camera_is_as_bright(tmp_path, white):
    grey = np.array([[0, white // 2], [white, white]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "cell.png")
    assert read_image(tmp_path / "cell.png")[..., 0].tolist() == [[0, 127], [255, 255]]
    for top in (white, 1):
        Image.fromarray((grey / white * top).astype(np.float32)).save(tmp_path / "cell.tif")
        assert read_image(tmp_path / "cell.tif")[1, 1].tolist() == [255, 255, 255]
        assert abs(int(read_image(tmp_path / "cell.tif")[0, 1, 0]) - 127) <= 1


def test_rotation_by_exif_and_first_page(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4), RED).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (8, 4, 3)
    pages = [Image.new("RGB", (4, 4), colour) for colour in (RED, "white")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert tuple(read_image(tmp_path / "pages.tif")[0, 0]) == RED


def test_bad_files_are_listed_with_reasons(tmp_path, monkeypatch):
    good, cut, text, bomb = (tmp_path / name for name in ("good.png", "cut.png", "text.jpg", "bomb.png"))
    Image.effect_noise((64, 64), 50).save(good)
    cut.write_bytes(good.read_bytes()[:900])
    text.write_text("not an image")
    Image.new("1", (200, 200)).save(bomb)
    monkeypatch.setattr(images, "MAX_PIXELS", 30_000)
    missing = str(tmp_path / "missing.png")
    checked = check_images(map(str, [good, cut, text, bomb, missing, good]))
    assert list(checked) == [str(good), str(cut), str(text), str(bomb), missing]
    assert (checked[str(good)].width, checked[str(good)].height, checked[str(good)].flaw) == (64, 64, None)
    kinds, reasons = zip(*[image.flaw for image in checked.values() if image.flaw], strict=True)
    assert kinds == ("image not readable", "image not readable", "image too large", "image missing")
    assert reasons[0].startswith(f"{cut}: not a readable image") and "not a readable image" in reasons[1]
    assert "200 x 200" in reasons[2] and "no such image file; check the data folder" in reasons[3]


def test_boxes_are_unsqueezed_and_mirrored_outside_of_the_image(tmp_path):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:10, 20:30] = RED
    pixels[:2, :3] = RED
    Image.fromarray(pixels).save(tmp_path / "field.png")
    cell = read_cell(str(tmp_path / "field.png"), [20, 5, 15, 5], width_factor=2.0)
    assert cell.shape == (5, 30, 3) and (cell == RED).all()
    corner = read_cell(str(tmp_path / "field.png"), [-5, -4, 10, 8])
    assert corner.shape == (8, 10, 3) and (corner[2:6, 2:8] == RED).all() and not corner[:2].any()
    for box in ([40, 5, 5, 5], [30, 5, 5, 5], [-5, 5, 5, 5], [5, -5, 5, 5], [5, 20, 5, 5]):
        with pytest.raises(DataError, match="outside of the image"):
            read_cell(str(tmp_path / "field.png"), box)


def test_square_keeps_the_centre_at_its_scale():
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[15:25, 25:35] = 255
    cut = square(pixels, 20, crop=0.5)
    assert cut.shape == (20, 20, 3)
    assert (cut[5:15, 5:15] == 255).all() and cut[:4].max() == 0
