"""Picture files, decoded once, in parallel, into one array.

Chunks of pictures are files of their own until all are there: an interrupted job goes on with the chunks
that are missing. Pillow reads the files, and only as JPEG or PNG: 1,000 to 2,200 pictures of CelebA's size a
second on one core, as the core is (`make bench`). Its `draft` mode would decode 1.4 times as fast, but not
quite the same pixels.
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

from unlearning.io.files import sha256_of, sha256_of_file
from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.runtime.job import end_with_parents

logger = logging.getLogger(__name__)
CHUNK = 4096  # pictures: seconds of work
LARGEST = 50_000_000  # pixels; a file of few bytes can claim billions
SHOWN = 5
CODE = sha256_of_file(Path(__file__))


def decode_all(
    folder: Path, names: list[str], image_shape: list[int], crop: int | None, unreadable_share: float, chunks: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Decode pictures; what cannot be read is listed in the log.

    Args:
        folder: of the pictures.
        names: of the files, relative to the folder.
        image_shape: (C, H, W) of the result, C being 1 or 3.
        crop: see `decode`.
        unreadable_share: of the pictures that may be missing or unreadable.
        chunks: folder for what is finished; to be deleted once the result is in safety.

    Returns:
        (N, C, H, W) uint8, and (N,) bool: whether each picture could be read; where not, it is black.

    Raises:
        ValueError: more pictures than allowed cannot be read.
    """
    parts = {start: names[start : start + CHUNK] for start in range(0, len(names), CHUNK)}
    # What a chunk is made of and with is in its name, so that none is taken for another's.
    keys = {start: sha256_of([state(folder, part), image_shape, crop, CODE])[:16] for start, part in parts.items()}
    paths = {start: chunks / f"{start}.{keys[start]}.safetensors" for start in parts}
    missing = [start for start, path in paths.items() if not path.is_file()]
    done = len(names) - sum(len(parts[start]) for start in missing)
    logger.info("%d of %d pictures are decoded; the others by %d workers", done, len(names), workers())
    # Not by spawning: a new process would run the script that Snakemake runs once more.
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(workers(), context, end_with_parents) as pool,
        tqdm(desc="decoding", total=len(names), initial=done, unit=" pictures", mininterval=5) as progress,
    ):
        jobs = {
            pool.submit(_decode_chunk, folder, parts[start], image_shape, crop, paths[start]): len(parts[start])
            for start in missing
        }
        try:
            for job in as_completed(jobs):
                job.result()
                progress.update(jobs[job])
        except BaseException:
            pool.shutdown(cancel_futures=True)  # not after all the other chunks
            raise

    images, unreadable = np.empty((len(names), *image_shape), np.uint8), {}
    for start, path in paths.items():
        arrays, reasons = read_tensors(path)
        images[start : start + len(parts[start])] = arrays["images"]
        unreadable |= reasons
    for name, reason in unreadable.items():
        logger.warning("%s: %s", name, reason)
    if len(unreadable) > unreadable_share * len(names):
        some = "; ".join(f"{name}: {reason}" for name, reason in list(unreadable.items())[:SHOWN])
        raise ValueError(
            f"{folder}: {len(unreadable)} of {len(names)} pictures are missing or cannot be read, but only a share of "
            f"{unreadable_share:g} may be: {some}{'; …' if len(unreadable) > SHOWN else ''}. The log names all. Put "
            "them right in the data source, or raise 'unreadable_share' in the data set's file."
        )
    return images, np.array([name not in unreadable for name in names])


def decode(path: Path, image_shape: list[int], crop: int | None) -> np.ndarray:
    """One picture as (C, H, W) uint8: cut out about its centre, then resized bilinearly with antialiasing.

    The same as torchvision's CenterCrop and Resize, and like its ImageFolder without turning a picture as its EXIF
    orientation says.

    Args:
        path: JPEG or PNG file.
        image_shape: (C, H, W), C being 1 (grey) or 3.
        crop: width in pixels of what is cut out, of the proportions of the result; None for as much as there is.

    Raises:
        Exception: it is no whole JPEG or PNG file, of more than 8 bits, too large, or smaller than the crop.
    """
    from PIL import Image

    channels, height, width = image_shape
    with Image.open(path, formats=["JPEG", "PNG"]) as picture:
        if picture.width * picture.height > LARGEST:
            raise ValueError(f"claims {picture.width}×{picture.height} pixels, more than {LARGEST}")
        if picture.mode.startswith(("I", "F")):  # Pillow would clip it
            raise ValueError(f"has more than 8 bits (Pillow's mode {picture.mode}); save it with 8, scaled to 0 to 255")
        scale = crop / width if crop else min(picture.width / width, picture.height / height)
        cut = round(scale * width), round(scale * height)
        left, top = round((picture.width - cut[0]) / 2), round((picture.height - cut[1]) / 2)
        if min(left, top) < 0:
            raise ValueError(f"is {picture.width}×{picture.height} pixels, smaller than the crop")
        part = picture.crop((left, top, left + cut[0], top + cut[1]))
        if part.mode != (mode := "L" if channels == 1 else "RGB"):
            part = part.convert(mode)
        pixels = np.asarray(part.resize((width, height), Image.Resampling.BILINEAR))
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)


def state(folder: Path, names: list[str]) -> list:
    """What tells that a file has changed: its size and time; None where there is none."""
    states = []
    for name in names:
        try:
            found = (folder / name).lstat()
            states.append([name, found.st_size, found.st_mtime_ns])
        except OSError:
            states.append([name, None, None])
    return states


def workers() -> int:
    """Processes to decode with: a SLURM job's CPUs, or the threads that Snakemake hands on, or else all cores."""
    stated = (int(os.environ.get(name, 0)) for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"))
    return next(filter(None, stated), os.cpu_count())


def _decode_chunk(folder: Path, names: list[str], image_shape: list[int], crop: int | None, target: Path) -> None:
    images, unreadable = np.zeros((len(names), *image_shape), np.uint8), {}
    folder = folder.resolve()
    for row, name in enumerate(names):
        try:
            if not _is_within(folder, str(Path(name).parent)):
                raise ValueError("leads out of the folder, or through a link")
            path = folder / name
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ValueError("is a link or no plain file")
            images[row] = decode(path, image_shape, crop)
        except Exception as error:  # Pillow raises many kinds for a broken file
            unreadable[name] = "missing" if isinstance(error, FileNotFoundError) else f"{error}"
    write_tensors(target, {"images": images}, unreadable)


@cache
def _is_within(folder: Path, subfolder: str) -> bool:
    return (folder / subfolder).is_relative_to(folder) and (folder / subfolder).resolve() == folder / subfolder


CHUNKS = "chunks"  # folder beside raw/, for parts of the preparation that an interrupted job need not do again
