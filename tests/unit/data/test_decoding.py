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


HOSTILE = {
    "missing": (lambda path: None, "missing"),
    "text": (lambda path: path.write_text("not a picture"), "cannot identify image file"),
    "empty": (lambda path: path.touch(), "cannot identify image file"),
    "bomb": (lambda path: path.write_bytes(bomb()), "pixels"),
    "tiny": (lambda path: Image.new("RGB", (40, 40)).save(path), "smaller than the crop"),
    "tiff": (lambda path: Image.new("RGB", (178, 218)).save(path, "TIFF"), "cannot identify image file"),
    "16 bits": (lambda path: Image.fromarray(np.full((218, 178), 9999, np.uint16)).save(path, "PNG"), "mode I;16"),
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
        ({}, os.cpu_count()),
    ],
)
def test_as_many_decode_as_the_job_has_cores(monkeypatch, variables, expected):
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert decoding.workers() == expected
