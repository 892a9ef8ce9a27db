"""List the published results that today's code and settings no longer give, and what to make them again costs."""

from math import isfinite

from unlearning.config.job_code import codes_of_results
from unlearning.config.load import load_experiment
from unlearning.io.files import ROOT, read_json
from unlearning.reporting.publishing import PROVENANCE, stale_jobs


def main() -> None:
    """Print a line for each configuration."""
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        published = ROOT / "docs" / "results" / path.stem / PROVENANCE
        print(f"{path.stem:22} {_status(path.stem, read_json(published)) if published.is_file() else 'not published'}")


def _status(name: str, provenance: dict) -> str:
    experiment = load_experiment(name)
    stale = stale_jobs(provenance, experiment)
    if not stale:
        return "of today's code"
    hours = sum(stale.values()) / 60
    cost = f"{hours:.1f} hours of jobs" if isfinite(hours) else "hours of jobs not known"
    jobs = "all" if len(stale) == len(codes_of_results(experiment)) else ", ".join(stale)
    return f"stale: {cost} ({jobs})"


if __name__ == "__main__":
    main()
