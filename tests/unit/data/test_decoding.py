"""Pictures in folders: decoded as torchvision would, once, and nothing that is not a whole picture."""

import os
import struct
import zlib

import numpy as np
import pytest
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

from unlearning.data import decoding

from ...miniature import write_celeba

SHAPE, CROP = [3, 64, 64], 148


def description(share=0.0):
    return {"image_shape": SHAPE, "pictures": {"crop": CROP, "unreadable_share": share}}


@pytest.fixture(scope="module")
def celeba(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "celeba"
    write_celeba(folder, train=8, heldout=4)
    return folder


@pytest.fixture
def folder(celeba, tmp_path):
    """Links to the pictures, which can be replaced one by one."""
    (tmp_path / "pictures").mkdir()
    for path in (celeba / "img_align_celeba").iterdir():
        os.link(path, tmp_path / "pictures" / path.name)
    return tmp_path / "pictures"


@pytest.fixture
def decode(folder, tmp_path, monkeypatch):
    """Decode the twelve pictures in chunks of five, by two processes."""
    monkeypatch.setattr(decoding, "CHUNK", 5)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    names = [f"{number:06d}.jpg" for number in range(1, 13)]
    return lambda share=0.0: decoding.decode_all(folder, names, description(share), tmp_path / "chunks")


def test_pictures_are_cut_out_and_resized_as_torchvision_does(celeba, decode):
    images, readable = decode()
    assert readable.all()
    transform = Compose([CenterCrop(CROP), Resize(64)])
    for image, path in zip(images, sorted((celeba / "img_align_celeba").iterdir()), strict=True):
        np.testing.assert_array_equal(image.transpose(1, 2, 0), np.asarray(transform(Image.open(path))))


@pytest.mark.parametrize("shape", [[3, 20, 10], [1, 12, 30]])
def test_without_a_crop_as_much_is_cut_out_as_has_the_proportions_of_the_result(tmp_path, shape):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    channels, height, width = shape
    size = (30, 60) if width < height else (90, 36)
    cut = torchvision.transforms.functional.center_crop(Image.open(tmp_path / "a.png"), size[::-1])
    expected = cut.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    decoded = decoding.decode(tmp_path / "a.png", shape, None)
    assert decoded.shape == tuple(shape)
    np.testing.assert_array_equal(decoded.transpose(1, 2, 0).squeeze(), np.asarray(expected))


def test_a_picture_is_not_turned_as_torchvisions_image_folder_does_not_turn_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: by 90°
    (tmp_path / "images" / "class").mkdir(parents=True)
    path = tmp_path / "images" / "class" / "a.png"
    Image.fromarray(pixels).save(path, exif=turned)
    ((theirs, _),) = torchvision.datasets.ImageFolder(tmp_path / "images")
    np.testing.assert_array_equal(decoding.decode(path, [3, 8, 8], None).transpose(1, 2, 0), np.asarray(theirs))
    np.testing.assert_array_equal(theirs, pixels)


def test_an_interrupted_job_decodes_only_what_is_missing(decode, tmp_path, monkeypatch):
    write = decoding.write_tensors

    def full(path, *arguments):
        if path.name.startswith("5."):
            path.parent.mkdir(exist_ok=True)
            path.with_name(f".{path.name}.tmp").write_bytes(b"half")
            raise OSError(28, "No space left on device")
        write(path, *arguments)

    monkeypatch.setattr(decoding, "write_tensors", full)
    with pytest.raises(OSError, match="No space left"):
        decode()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "chunks").glob("[0-9]*")}
    assert "0" in {path.name.split(".")[0] for path in finished} <= {"0", "10"}
    monkeypatch.setattr(decoding, "write_tensors", write)
    images, _ = decode()
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    assert images[5:10].any(axis=(1, 2, 3)).all()


def test_a_picture_that_changed_in_between_is_decoded_again(decode, folder):
    before, _ = decode()
    (folder / "000007.jpg").unlink()
    Image.new("RGB", (178, 218), (200, 10, 10)).save(folder / "000007.jpg")
    after, _ = decode()
    assert [row for row in range(12) if not np.array_equal(before[row], after[row])] == [6]


def bomb():
    """A PNG file of a few bytes that claims 60,000 × 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def png(color_type, bits, pixels, side):
    """A square PNG file of these bytes, each row with its filter in front."""
    rows = b"".join(
        b"\0" + pixels[start : start + len(pixels) // side] for start in range(0, len(pixels), len(pixels) // side)
    )
    header = struct.pack(">IIBBBBB", side, side, bits, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def deep_png(color_type):
    """A PNG file of 178 × 178 pixels with 16 bits for each value."""
    values = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    return png(color_type, 16, struct.pack(">H", 9999) * (values * 178 * 178), 178)


def deep_tiff(values, sample_format=1):
    """An uncompressed TIFF file of one pixel with 16 or 32 bits for each value, by the format's specification."""
    bits = 32 if sample_format == 3 else 16
    data = b"\1" * (values * bits // 8)
    entries = {256: 1, 257: 1, 258: bits, 259: 1, 262: 2 if values >= 3 else 1, 273: 500, 277: values, 278: 1}
    entries |= {279: len(data), 339: sample_format}
    if values in (2, 4):
        entries[338] = 2  # the last value is a transparency
    file = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, value in sorted(entries.items()):
        count = values if tag in (258, 339) else 1
        place = (
            struct.pack("<HH", value, value if count == 2 else 0)
            if count < 3
            else struct.pack("<I", 400 + tag % 2 * 50)
        )
        file += struct.pack("<HHI", tag, 3, count) + place
    file = (file + bytes(4)).ljust(400, b"\0") + struct.pack("<4H", *[bits] * 4)
    return file.ljust(450, b"\0")[:450] + struct.pack("<4H", *[sample_format] * 4) + bytes(42) + data


def save_frames(path, kind):
    frames = [Image.new("RGB", (178, 218), color) for color in ("red", "blue")]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    "content", [deep_png(kind) for kind in (0, 2, 4, 6)], ids=["grey", "RGB", "grey + alpha", "RGBA"]
)
def test_a_png_file_with_16_bits_is_refused_whatever_pillow_makes_of_it(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"has more than 8 bits .16 for each value.; save it with 8, scaled to 0 to 255"
    ):
        decoding.decode(tmp_path / "a.png", [1, 8, 8], None)


@pytest.mark.parametrize(("values", "sample_format"), [(1, 1), (3, 1), (4, 1), (1, 3)])
def test_a_tiff_file_with_more_than_8_bits_is_refused(tmp_path, values, sample_format):
    (tmp_path / "a.tif").write_bytes(deep_tiff(values, sample_format))
    with pytest.raises(ValueError, match=f"has more than 8 bits .{16 * (1 + (sample_format == 3))} for each value"):
        decoding.decode(tmp_path / "a.tif", [1, 8, 8], None)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_fewer_bits_is_scaled_to_the_whole_range(tmp_path, bits):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 1
    packed = {1: b"\x0f", 2: b"\0\xff", 4: b"\0\0\xff\xff"}[bits] * 8
    (tmp_path / "a.png").write_bytes(png(0, bits, packed, 8))
    np.testing.assert_array_equal(decoding.decode(tmp_path / "a.png", [1, 8, 8], None)[0], pixels * 255)


@pytest.mark.parametrize("suffix", decoding.SUFFIXES)
def test_every_suffix_that_is_listed_can_be_read(tmp_path, suffix):
    kind = Image.registered_extensions()[suffix]
    Image.new("RGB", (16, 16), (255, 255, 255)).save(tmp_path / f"a{suffix}", kind)
    np.testing.assert_array_equal(decoding.decode(tmp_path / f"a{suffix}", [3, 8, 8], None), 255)


def test_transparency_is_ignored_as_torchvisions_image_folder_ignores_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    (tmp_path / "images" / "class").mkdir(parents=True)
    path = tmp_path / "images" / "class" / "a.png"
    Image.fromarray(pixels).save(path)
    ((theirs, _),) = torchvision.datasets.ImageFolder(tmp_path / "images")
    np.testing.assert_array_equal(decoding.decode(path, [3, 8, 8], None).transpose(1, 2, 0), np.asarray(theirs))
    np.testing.assert_array_equal(theirs, pixels[:, :, :3])


def test_the_previews_that_a_camera_appends_are_not_taken_for_pictures(tmp_path):
    save_frames(tmp_path / "a.jpg", "MPO")
    red = decoding.decode(tmp_path / "a.jpg", [3, 8, 8], None)
    assert red[0].min() > 200 > 50 > red[2].max()


HOSTILE = {
    "missing": (lambda path: None, "missing"),
    "text": (lambda path: path.write_text("not a picture"), "cannot identify image file"),
    "empty": (lambda path: path.touch(), "cannot identify image file"),
    "bomb": (lambda path: path.write_bytes(bomb()), "pixels"),
    "tiny": (lambda path: Image.new("RGB", (40, 40)).save(path), "smaller than the crop"),
    "icon": (lambda path: Image.new("RGB", (178, 218)).save(path, "ICO"), "cannot identify image file"),
    "16 bits": (lambda path: path.write_bytes(deep_png(0)), "has more than 8 bits (16 for each value); save it with 8"),
    "animation": (lambda path: save_frames(path, "GIF"), "holds 2 pictures; save one of them alone"),
    "pipe": (os.mkfifo, "is a link or no plain file"),
    "folder": (lambda path: path.mkdir(), "is a link or no plain file"),
    "link out": (lambda path: path.symlink_to("/dev/zero"), "is a link or no plain file"),
    "link within": (lambda path: path.symlink_to("000002.jpg"), "is a link or no plain file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_whole_plain_picture_is_listed_with_its_reason_and_refused(decode, folder, caplog, kind):
    make, reason = HOSTILE[kind]
    (folder / "000001.jpg").unlink()
    make(folder / "000001.jpg")
    with pytest.raises(ValueError, match=r"1 of 12 pictures are missing or cannot be read, .* 000001.jpg: ") as error:
        decode()
    assert reason in str(error.value)
    assert "raise 'unreadable_share'" in str(error.value)
    images, readable = decode(share=0.1)
    assert readable.tolist() == [False] + [True] * 11
    assert len(images) == 11
    assert "000001.jpg: " in caplog.text


def test_a_truncated_picture_counts_against_the_share_that_is_allowed(decode, folder):
    for name in ("000001.jpg", "000012.jpg"):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"2 of 12 .* but only a share of 0.1 may be: .*truncated.*000012.jpg"):
        decode(share=0.1)
    assert decode(share=0.2)[1].sum() == 10


@pytest.mark.parametrize("name", ["../secret.jpg", "sub/secret.jpg", "/etc/hostname", "/x.jpg"])
def test_a_name_that_leads_out_of_the_folder_is_not_opened(folder, tmp_path, name):
    Image.new("RGB", (178, 218)).save(tmp_path / "secret.jpg")
    (folder / "sub").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leads out of the folder"):
        decoding.decode_all(folder, [name], description(), tmp_path / "chunks")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_CPUS_PER_TASK": "8", "OMP_NUM_THREADS": "1"}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"SLURM_CPUS_PER_TASK": "", "OMP_NUM_THREADS": "3"}, 3),
        ({"SLURM_CPUS_PER_TASK": "", "OMP_NUM_THREADS": ""}, os.cpu_count()),
        ({}, os.cpu_count()),
    ],
)
def test_as_many_decode_as_the_job_has_cores(monkeypatch, variables, expected):
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert decoding.workers() == expected
