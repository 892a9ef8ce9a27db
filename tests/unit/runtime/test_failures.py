"""What failed is noted for the second call and for the report."""

from unlearning.runtime import failures

FAILED = [{"method": "uno", "seed": 1, "log": "logs/unlearn/seed1/uno.log"}, {"figure": "fid", "log": "logs/fid.log"}]


def test_what_is_written_is_read_named_and_forgotten(tmp_path):
    folder = tmp_path / "digits"
    assert failures.read(folder) == []
    failures.write(folder, FAILED)
    assert failures.read(folder) == FAILED
    run, figure = failures.describe(folder)
    assert run == f"digits: uno, seed 1, failed, see {folder}/logs/unlearn/seed1/uno.log"
    assert figure == f"digits: figure fid failed, see {folder}/logs/fid.log"
    failures.forget(folder)
    assert failures.describe(folder) == []
