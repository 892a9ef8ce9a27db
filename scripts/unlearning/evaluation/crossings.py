"""When a run's share of forgotten classes falls to a threshold, and what the steps until then cost.

Pure functions of the arrays that an unlearning run writes. Metrics call them with the experiment's threshold, and a
figure calls them with other thresholds.
"""

import numpy as np

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.evaluation.evidence import Value
from unlearning.evaluation.statistics import trimmed_mean


def step_times(steps: dict[str, np.ndarray]) -> dict[str, Value]:
    """The time of a step, and its ratio to the time of a plain finetune step.

    Args:
        steps: columns of `steps.csv`; `seconds` (S,) of each step, and `finetune_step_seconds` (S,) of finetune steps
            that were timed between them, NaN where none was timed.

    Returns:
        `ms_per_step` and `step_time_ratio`. The ratio has no value if the run was too short to time a finetune step.
    """
    seconds, finetune = trimmed_mean(steps["seconds"]), steps["finetune_step_seconds"]
    finetune = finetune[~np.isnan(finetune)]
    ratio = seconds / trimmed_mean(finetune) if len(finetune) else None
    return {"ms_per_step": Value(1000 * seconds), "step_time_ratio": Value(ratio)}


def crossings(
    measurements: dict[str, np.ndarray], steps: dict[str, np.ndarray], record: dict, threshold: float
) -> dict[str, Value]:
    """When the measured forget fraction falls to the threshold: for the first time, and for good.

    A run that never gets there is censored at its last step. The last measurement is no sustained crossing, because no
    later one shows that the forget fraction stays low. A diverged run has no sustained crossing.

    Args:
        measurements: columns of `measurements.csv`; `step` (M,), and `forgotten` (M,) of `samples` (M,) images. Empty
            if nothing was measured.
        steps: columns of `steps.csv`; `seconds` (S,) of each step.
        record: of the run, with `status` and `preparation_seconds`.
        threshold: share of the samples, between 0 and 1.

    Returns:
        `first_crossing_steps`, `first_crossing_seconds`, `sustained_crossing_steps`, `sustained_crossing_seconds`, and
        `five_step_forget_fraction` in per cent. Seconds include the preparation. Empty if nothing was measured.
    """
    if not measurements:
        return {}
    measured_steps = measurements["step"].astype(int)
    shares = measurements["forgotten"] / measurements["samples"]
    below = shares <= threshold
    sustained = np.logical_and.accumulate(below[::-1])[::-1]
    sustained[-1] = False
    if record["status"] == "diverged":
        sustained[:] = False
    elapsed = np.cumsum(np.concatenate([[record["preparation_seconds"]], steps["seconds"]]))
    after_five_steps = 100 * shares[measured_steps == 5]
    return {
        **_crossing("first", measured_steps[below], elapsed),
        **_crossing("sustained", measured_steps[sustained], elapsed),
        "five_step_forget_fraction": Value(float(after_five_steps[0]) if len(after_five_steps) else None),
    }


def _crossing(name: str, crossed_steps: np.ndarray, elapsed: np.ndarray) -> dict[str, Value]:
    """Step and seconds of the first of `crossed_steps`, censored at the last step if there are none.

    Args:
        name: of the crossing.
        crossed_steps: (k,) measured steps at which the condition holds, in order.
        elapsed: (S + 1,) seconds before the first step and after each of the S steps.

    Returns:
        `{name}_crossing_steps` and `{name}_crossing_seconds`.
    """
    censored = len(crossed_steps) == 0
    step = len(elapsed) - 1 if censored else int(crossed_steps[0])
    return {
        f"{name}_crossing_steps": Value(step, censored=censored),
        f"{name}_crossing_seconds": Value(float(elapsed[step]), censored=censored),
    }


def published_crossings(steps: dict[str, np.ndarray], record: dict, threshold: float) -> dict[str, Value]:
    """When the fixed samples fall to the threshold, as the released code of the UNO paper counts.

    The first step at or below the threshold counts, even if the class comes back. A run that never gets there counts
    with its last step; these values are marked as censored.

    Args:
        steps: columns of `steps.csv`; see `step_times`, and `published_forgotten` (S,), how many of
            `PUBLISHED_LATENTS` fixed samples are of a forgotten class before each step.
        record: of the run. `counted_after_update` says whether the released code of its method counts after the
            update.
        threshold: share of the samples, between 0 and 1.

    Returns:
        `published_steps`, `published_seconds` (mean seconds of a step times the steps), `published_relative_time` (in
        finetune steps) and `published_five_step_forget_fraction`. Empty if the run did not count.
    """
    counts = steps.get("published_forgotten")
    if counts is None or np.isnan(counts).any():
        return {}
    shares = counts / PUBLISHED_LATENTS
    if record["counted_after_update"]:
        shares = shares[1:]  # the count after one step is the count before the next
    below = shares <= threshold
    censored = not below.any()
    crossing = len(counts) if censored else int(below.argmax()) + 1
    ratio = step_times(steps)["step_time_ratio"].value
    relative_time = None if ratio is None else ratio * crossing
    return {
        "published_steps": Value(crossing, censored=censored),
        "published_seconds": Value(float(steps["seconds"].mean() * crossing), censored=censored),
        "published_relative_time": Value(relative_time, censored=censored),
        "published_five_step_forget_fraction": Value(float(shares[:5][-1]) if len(shares) else None),
    }
