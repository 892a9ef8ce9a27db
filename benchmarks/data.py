"""Measure how fast pictures of CelebA's size are decoded, and how fast prepared images are opened.

The pictures are blurred noise, which takes about as many bytes as a face.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from unlearning.data.decoding import decode_all
from unlearning.datasets.celeba import DATASET
from unlearning.io.tensors import read_tensors, write_tensors

DISTINCT = 256  # pictures; the others are hard links to them


def write_pictures(folder: Path, count: int) -> list[str]:
    """Write JPEG files of 178×218 pixels and return their names."""
    generator = np.random.default_rng(0)
    names = [f"{number:06d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        if number < DISTINCT:
            coarse = Image.fromarray(generator.integers(0, 256, (28, 23, 3), dtype=np.uint8))
            coarse.resize((178, 218), Image.Resampling.BICUBIC).save(folder / name, quality=75)
        else:
            os.link(folder / names[number % DISTINCT], folder / name)
    return names


def decoding(count: int, workers: int) -> dict[str, float]:
    """Decode pictures as `prepare_dataset` does, and open the result as training does.

    Args:
        count: number of pictures.
        workers: number of processes that decode.

    Returns:
        Bytes of a picture; pictures decoded per second, by the clock and by the processors' time, which does not
        depend on other jobs; seconds to write the array, and to open it with its hash checked.
    """
    os.environ["OMP_NUM_THREADS"] = str(workers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        names = write_pictures(folder / "pictures", count)
        size = np.mean([(folder / "pictures" / name).stat().st_size for name in names[:DISTINCT]])
        start, processor_start = time.perf_counter(), _processor_seconds()
        images, readable = decode_all(folder / "pictures", names, DATASET, folder / "chunks")
        seconds, processor_seconds = time.perf_counter() - start, _processor_seconds() - processor_start
        start = time.perf_counter()
        write_tensors(folder / "prepared.safetensors", {"images": images})
        seconds_to_write = time.perf_counter() - start
        start = time.perf_counter()
        read_tensors(folder / "prepared.safetensors")
        return {
            "pictures": int(readable.sum()),
            "workers": workers,
            "bytes_of_a_picture": round(size),
            "pictures_per_second": round(count / seconds),
            "pictures_per_processor_second": round(count / processor_seconds),
            "seconds_to_write": round(seconds_to_write, 2),
            "seconds_to_open": round(time.perf_counter() - start, 2),
        }


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=20_000, help="number of pictures to decode")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="number of processes that decode")
    arguments = parser.parse_args()
    print(json.dumps({"decoding": decoding(arguments.pictures, arguments.workers)}, indent=2))


if __name__ == "__main__":
    main()
