"""Picture files, decoded once, in parallel, into one array.

Each chunk of pictures is a file until all chunks are there: an interrupted job resumes with the chunks that are
missing. Pillow reads the files, and only in the formats of `FORMATS`. It decodes 1,000 to 2,200 pictures of CelebA's
size a second on one core, depending on the core (`python -m benchmarks.data`). Its `draft` mode would be 1.4 times as
fast, but some pixels would differ.
"""

import logging
import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from unlearning.io.files import file_state, sha256_of, sha256_of_file
from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.runtime.job import end_with_parents

logger = logging.getLogger(__name__)
CHUNKS = "chunks"  # name of the folder for chunks, beside raw/
CHUNK = 4096  # pictures: seconds of work
MAXIMAL_PIXELS = 50_000_000  # of a picture; a file of few bytes can claim billions
EXAMPLES = 5  # unreadable pictures that an error names
CODE = sha256_of_file(Path(__file__))
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]  # as Pillow names them
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")  # of files in these formats
BITS_PER_SAMPLE = 258  # tag of TIFF


def decode_all(folder: Path, names: list[str], description: dict, chunks: Path) -> tuple[np.ndarray, np.ndarray]:
    """Decode pictures; the log lists those that are missing or unreadable.

    Args:
        folder: folder of the pictures.
        names: N paths of the files, relative to the folder.
        description: the data set's `DATASET`. Used are `image_shape` and, under `pictures`, `crop` (see `decode`) and
            `unreadable_share`, the share of the pictures that may be missing or unreadable.
        chunks: folder for the chunks. The caller deletes it once the result is saved.

    Returns:
        The R readable pictures as (R, C, H, W) uint8, and a mask (N,) of the readable ones.

    Raises:
        ValueError: more pictures than allowed are missing or unreadable.
    """
    shape, settings = description["image_shape"], description["pictures"]
    parts = {start: names[start : start + CHUNK] for start in range(0, len(names), CHUNK)}
    paths = {start: chunks / _chunk_name(start, folder, part, description) for start, part in parts.items()}
    missing = {path: parts[start] for start, path in paths.items() if not path.is_file()}
    _decode_chunks(folder, missing, len(names), shape, settings["crop"])

    images, reasons = np.empty((len(names), *shape), np.uint8), {}
    for start, path in paths.items():
        arrays, unreadable = read_tensors(path)
        images[start : start + len(parts[start])] = arrays["images"]
        reasons |= unreadable
    for name, reason in reasons.items():
        logger.warning("%s: %s", name, reason)
    if len(reasons) > settings["unreadable_share"] * len(names):
        examples = "; ".join(f"{name}: {reason}" for name, reason in list(reasons.items())[:EXAMPLES])
        raise ValueError(
            f"{folder}: {len(reasons)} of {len(names)} pictures are missing or cannot be read, but only a share of "
            f"{settings['unreadable_share']:g} may be: {examples}{'; …' if len(reasons) > EXAMPLES else ''}. The log "
            "names all. Put them right in the data source, or raise 'unreadable_share' in the data set's file."
        )
    readable = np.array([name not in reasons for name in names])
    return (images[readable] if reasons else images), readable


def _chunk_name(start: int, folder: Path, names: list[str], description: dict) -> str:
    """Name a chunk's file by all that the chunk depends on, so that no chunk is mistaken for another."""
    key = sha256_of([file_states(folder, names), description["image_shape"], description["pictures"]["crop"], CODE])
    return f"{start}.{key[:16]}.safetensors"


def _decode_chunks(folder: Path, chunks: dict[Path, list[str]], total: int, shape: list[int], crop: int | None) -> None:
    """Decode chunks in parallel, each into its file.

    Args:
        folder: folder of the pictures.
        chunks: file of each chunk, and the names of its pictures.
        total: number of pictures in all chunks, with those that are there already.
        shape: (C, H, W) of the result.
        crop: see `decode`.
    """
    ready = total - sum(map(len, chunks.values()))
    logger.info("%d of %d pictures are decoded; %d workers decode the others", ready, total, workers())
    # Not by spawning: a new process would run the script that Snakemake runs once more.
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(workers(), context, end_with_parents) as pool,
        tqdm(desc="decoding", total=total, initial=ready, unit=" pictures", mininterval=5) as progress,
    ):
        jobs = {
            pool.submit(_decode_chunk, folder, names, shape, crop, path): len(names) for path, names in chunks.items()
        }
        try:
            for job in as_completed(jobs):
                job.result()
                progress.update(jobs[job])
        except BaseException:
            pool.shutdown(cancel_futures=True)  # do not wait for all other chunks
            raise


def _decode_chunk(folder: Path, names: list[str], shape: list[int], crop: int | None, target: Path) -> None:
    images, unreadable = np.zeros((len(names), *shape), np.uint8), {}
    folder = folder.resolve()
    for row, name in enumerate(names):
        try:
            if not _is_within(folder, str(Path(name).parent)):
                raise ValueError("leads out of the folder, or through a link")
            path = folder / name
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ValueError("is a link or no plain file")
            images[row] = decode(path, shape, crop)
        except Exception as error:  # Pillow raises many kinds for a broken file
            unreadable[name] = "missing" if isinstance(error, FileNotFoundError) else f"{error}"
    write_tensors(target, {"images": images}, unreadable)


@cache
def _is_within(folder: Path, subfolder: str) -> bool:
    return (folder / subfolder).is_relative_to(folder) and (folder / subfolder).resolve() == folder / subfolder


def decode(path: Path, image_shape: list[int], crop: int | None) -> np.ndarray:
    """Decode one picture: cut out its centre, then resize it bilinearly with antialiasing.

    The pixels are those of torchvision's CenterCrop and Resize. As in its ImageFolder, an EXIF orientation and
    transparency are ignored. For a file that is in no format of `FORMATS` or not whole, Pillow raises errors of many
    kinds.

    Args:
        path: picture file.
        image_shape: (C, H, W) of the result; C is 1 (grey) or 3.
        crop: width in pixels of the part that is cut out, in the proportions of the result; None for the largest part.

    Returns:
        (C, H, W) uint8.

    Raises:
        ValueError: the file holds several pictures, or the picture has more than 8 bits, is too large, or is smaller
            than the crop.
    """
    from PIL import Image

    channels, height, width = image_shape
    with Image.open(path, formats=FORMATS) as picture:
        if picture.width * picture.height > MAXIMAL_PIXELS:
            raise ValueError(f"claims {picture.width}×{picture.height} pixels, more than {MAXIMAL_PIXELS}")
        # The pictures that cameras append to a JPEG file (Pillow's format MPO) are previews of the first one.
        if picture.format in FORMATS and getattr(picture, "n_frames", 1) > 1:
            raise ValueError(f"holds {picture.n_frames} pictures; save one of them alone")
        if (bits := _bits(picture, path)) > 8:  # Pillow would clip the values, or take their highest 8 bits
            raise ValueError(f"has more than 8 bits ({bits} for each value); save it with 8, scaled to 0 to 255")
        scale = crop / width if crop else min(picture.width / width, picture.height / height)
        size = round(scale * width), round(scale * height)
        left, top = round((picture.width - size[0]) / 2), round((picture.height - size[1]) / 2)
        if min(left, top) < 0:
            raise ValueError(f"is {picture.width}×{picture.height} pixels, smaller than the crop")
        part = picture.crop((left, top, left + size[0], top + size[1])).convert("L" if channels == 1 else "RGB")
        pixels = np.asarray(part.resize((width, height), Image.Resampling.BILINEAR))
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)


def _bits(picture, path: Path) -> int:
    """How many bits the file has for each value of a pixel: Pillow's mode of an open picture does not always tell."""
    if picture.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # IHDR, the first chunk: signature, length, name, width, height, bits
    if picture.format == "TIFF":
        return max(picture.tag_v2.get(BITS_PER_SAMPLE, (1,)))
    return 8


def file_states(folder: Path, names: list[str]) -> list:
    """List what tells quickly whether files have changed: see `file_state`; None for a missing file."""
    states = []
    for name in names:
        try:
            states.append([name, file_state((folder / name).lstat())])
        except OSError:
            states.append([name, None])
    return states


def workers() -> int:
    """Count the processes to decode with: a SLURM job's CPUs, or the threads that Snakemake gives, or all cores."""
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        number = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP takes a list, one number for each level
        if number.isdecimal() and int(number):
            return int(number)
    return os.cpu_count()
