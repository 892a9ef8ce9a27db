"""Files are written whole or not at all, with the user's permissions and in UTF-8; folders are copied by links."""

import os
import subprocess
from pathlib import Path

import pytest

from unlearning.io.files import atomic_path, link_folder, read_columns, sha256_of, write_json
from unlearning.io.tensors import write_tensors

from ...process import python


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"old": 1})

    def fail_halfway():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == '{\n  "old": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path):
    code = (
        "import pathlib, resource, sys\nfrom unlearning.io.files import write_json\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "write_json(pathlib.Path(sys.argv[1]), {'x': 'y' * 100_000})"
    )
    process = python(code, tmp_path / "result.json", stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert b"File too large" in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("umask", "permissions"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_every_file_has_the_permissions_of_the_umask(tmp_path, umask, permissions):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "result.json", {})
        write_tensors(tmp_path / "model.safetensors", {})  # safetensors itself gives 600
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [permissions] * 2


def test_text_is_utf8_whatever_the_locale(tmp_path):
    code = (
        "import pathlib, sys\nfrom unlearning.io.files import read_columns, write_csv\n"
        "write_csv(pathlib.Path(sys.argv[1]), ['gr\\xf6\\xdfe'], [[1.5]])\n"
        "print(ascii(list(read_columns(pathlib.Path(sys.argv[1])))))"
    )
    path = tmp_path / "table.csv"
    process = python(code, path, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    output, _ = process.communicate()
    assert output.decode().strip() == ascii(["größe"])
    assert path.read_bytes().decode() == "größe\r\n1.5\r\n"


def test_an_empty_cell_is_no_number_and_no_row_no_column(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("step,loss\n1,0.5\n2,\n")
    columns = read_columns(path)
    assert columns["step"].tolist() == [1, 2]
    assert columns["loss"][0] == 0.5
    assert columns["loss"][1] != columns["loss"][1]
    path.write_text("step,loss\n")
    assert read_columns(path) == read_columns(None) == {}


def test_a_number_that_is_not_finite_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "result.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_hash_of_settings_does_not_depend_on_their_order():
    assert sha256_of({"a": 1, "b": [1, 2]}) == sha256_of({"b": [1, 2], "a": 1})
    assert sha256_of({"a": 1}) != sha256_of({"a": 2})


def test_folders_and_links_in_a_folder_are_copied_as_they_are(tmp_path):
    (tmp_path / "images" / "roses" / "none").mkdir(parents=True)
    (tmp_path / "images" / "roses" / "1.jpg").write_text("1")
    (tmp_path / "images" / "2.jpg").symlink_to("roses/1.jpg")
    (tmp_path / "images" / "others").symlink_to("roses")
    copy = tmp_path / "raw" / "images"
    for _ in range(2):  # the second time, the copy is replaced
        link_folder(tmp_path / "images", copy)
    assert {path.relative_to(copy).as_posix() for path in (tmp_path / "raw").rglob("*") if path != copy} == {
        "roses",
        "roses/none",
        "roses/1.jpg",
        "2.jpg",
        "others",
    }
    assert (copy / "roses" / "1.jpg").samefile(tmp_path / "images" / "roses" / "1.jpg")
    assert (copy / "2.jpg").readlink() == Path("roses/1.jpg")
    assert (copy / "others").is_symlink()
