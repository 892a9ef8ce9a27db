"""The commit of this repository, and never that of a repository around it."""

import subprocess

import pytest

from unlearning.runtime import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, and a folder in it where this repository's code lies."""
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "Snakefile").touch()
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "unpacked")
    return tmp_path


def test_the_commit_of_a_repository_around_this_one_is_not_taken(repository):
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_a_checkout_has_its_commit_and_says_whether_it_was_changed(repository, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", repository)
    clean = provenance.git_state()
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (repository / "unpacked" / "Snakefile").write_text("changed")
    assert provenance.git_state() == clean | {"dirty": True}


def test_without_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_the_reason_is_said_why_there_is_no_commit(repository, tmp_path_factory, monkeypatch):
    assert provenance.why_no_commit() == f"the Git repository {repository} is another one"
    monkeypatch.setattr(provenance, "ROOT", repository)
    assert provenance.why_no_commit() is None
    new = tmp_path_factory.mktemp("new")
    monkeypatch.setattr(provenance, "ROOT", new)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(new.parent))
    assert "not a git repository" in provenance.why_no_commit()
    git(new, "init")
    assert provenance.why_no_commit() == "the repository has no commit"
    monkeypatch.setenv("PATH", "")
    assert provenance.why_no_commit() == "the program git was not found"
