"""Data sets, one file each. To add a data set, add a file.

The file holds a literal `DATASET` and two functions. `fetch(raw, source)` puts the original files into the folder
`raw`: from `source`, the user's own folder or mirror, where it is not None. `read(raw)` turns the files into a
`unlearning.data.dataset.Dataset`, training split first. A complete example, `stripes.py`:

    '''Stripes: images of horizontal and of vertical stripes, in one NumPy file.'''

    import numpy as np

    from unlearning.data.dataset import Dataset
    from unlearning.io import downloads

    DATASET = {
        "name": "stripes",
        "title": "Stripes (our paper, 2026)",
        "source": "our laboratory",
        "licence": "CC0",
        "files": {"stripes.npz": "sha256:…"},  # or "md5:…"
        "image_shape": [1, 8, 8],
        "classes": ["horizontal", "vertical"],
        "train_images": [8, 8],  # of each class
        "heldout_images": [2, 2],
    }

    def fetch(raw, source):
        mirrors = downloads.mirrors_of("stripes", source, public=["https://example.org/stripes/"])
        downloads.fetch(raw, DATASET, mirrors)

    def read(raw):
        arrays = np.load(raw / "stripes.npz")
        order = np.argsort(arrays["heldout"], kind="stable")
        return Dataset(
            images=arrays["images"][order],
            labels=arrays["labels"][order],
            attributes=np.empty((len(order), 0), np.uint8),
            train=~arrays["heldout"][order],
            classes=DATASET["classes"],
            attribute_names=[],
        )

Files in `{data_source}/stripes/` whose checksum `DATASET` does not state are watched: the data set is made again when
the content of one changes.

`DATASET` may also have `attributes` (their names) and `differences` (from the data of a paper that is compared). For
a folder of pictures with a table of attributes, see `unlearning.data.attribute_table`; for a folder for each class,
`unlearning.data.class_folders`.
"""
