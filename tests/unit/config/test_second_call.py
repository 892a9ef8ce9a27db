"""The second call of Snakemake, after jobs have failed."""

import pytest

from unlearning.config.second_call import without_forcing


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("-c2 --config experiments=[digits]", "-c2 --config experiments=[digits]"),
        ("-F -c2", "-c2"),
        ("--forcerun unlearn evaluate --cores 2 all", "--cores 2 all"),
        ("--forcerun=unlearn -c2 -R train -- all", "-c2 -- all"),
        ("--force -f --forceall", ""),
        ("-F results/digits/table.md -c2", "results/digits/table.md -c2"),
        ("--forceall all", "all"),
        ("--forcerun=unlearn all", "all"),
    ],
)
def test_what_was_forced_is_not_forced_again(given, kept):
    assert without_forcing(given.split()) == kept.split()
