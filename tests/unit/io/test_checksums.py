"""A file that is altered or missing is named."""

import hashlib

import pytest

from unlearning.io.checksums import verify_files


def test_an_altered_or_missing_file_is_named(tmp_path):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(b"content")
    checksums = {path.name: f"sha256:{hashlib.sha256(b'content').hexdigest()}"}
    verify_files(tmp_path, checksums)
    path.write_bytes(b"conten")
    with pytest.raises(ValueError, match=r"digits.csv.gz: sha256 is .* truncated or altered; delete it"):
        verify_files(tmp_path, checksums)
    path.unlink()
    with pytest.raises(ValueError, match=f"missing; delete the folder {tmp_path.parent}, "):
        verify_files(tmp_path, checksums)
