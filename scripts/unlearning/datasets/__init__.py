"""Data sets, one file each, and the one file format that they are prepared into.

A data set's file holds the literal `DATASET` (name, title, licence, source, files with their published
checksums, as `sha256:…` or `md5:…`, image_shape, classes, images per class in each split; where there are
any, the names of its attributes and the differences from the data of a paper that is compared; where classes are
folders, see `class_folders` instead) and two functions:
`fetch(raw, source)` puts the original files into the folder `raw`, from the folder or mirror `source` where
that is given, and `read(raw)` turns them into a `Dataset`.
"""
