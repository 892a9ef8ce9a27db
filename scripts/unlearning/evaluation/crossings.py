"""When a run's share of forgotten classes falls to a threshold, and what the steps until then cost.

Pure functions of the arrays that an unlearning run writes. Metrics call them with the experiment's threshold, and a
figure calls them with other thresholds. A crossing is decided by intervals. A count alone may lie on one side of the
threshold by chance or by the judge's error. A run that the intervals do not decide is undecided.
"""

from dataclasses import dataclass, replace

import numpy as np

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.evaluation.evidence import Value
from unlearning.evaluation.shares import difference_interval, share_interval, share_value
from unlearning.evaluation.statistics import trimmed_mean

# A measurement draws a part of its samples, and draws the rest only if the share among them is near the threshold. Both
# stages count as looks, so that the intervals hold whichever stage was the last.
STAGES = 2


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


@dataclass(frozen=True)
class Looks:
    """The measurements of one run, in order: L looks at a share.

    Attributes:
        steps: (L,) numbers of the measured steps.
        low: (L,) lower ends of intervals that hold together, of the share minus the threshold.
        high: (L,) their upper ends.
    """

    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def below(self) -> np.ndarray:
        """(L,) whether the share is surely at or below the threshold."""
        return self.high <= 0

    @property
    def above(self) -> np.ndarray:
        """(L,) whether the share is surely above the threshold. A look that is neither is undecided."""
        return self.low > 0


def counts_by_network(measurements: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (L,), counts (L, M) by the judge's M networks, and samples (L,), of the columns of `measurements.csv`."""
    networks = len(np.unique(measurements["network"]))
    counts = measurements["forgotten"].reshape(-1, networks)
    return measurements["step"][::networks].astype(int), counts, measurements["samples"][::networks]


def crossings(
    measurements: dict[str, np.ndarray], steps: dict[str, np.ndarray], record: dict, threshold: float
) -> dict[str, Value]:
    """When the forget fraction falls to the threshold: for the first time, and for good.

    All intervals of a run hold together with 95 %, see `shares`: the error rate of a run's crossings is 5 %.

    Args:
        measurements: columns of `measurements.csv`, with a row for each of L measurements and each of the judge's M
            networks: `forgotten` (L M,) of `samples` (L M,) images after `step` (L M,). Empty if nothing was measured.
        steps: columns of `steps.csv`; `seconds` (S,) of each step.
        record: of the run, with `status` and `preparation_seconds`.
        threshold: share of the samples, between 0 and 1.

    Returns:
        `first_crossing_steps`, `first_crossing_seconds`, `sustained_crossing_steps`, `sustained_crossing_seconds`, and
        `five_step_forget_fraction` in per cent. Seconds include the preparation. Empty if nothing was measured.
    """
    if not measurements:
        return {}
    measured, counts, samples = counts_by_network(measurements)
    low, high = share_interval(counts, samples, looks=STAGES * len(measured))
    looks = Looks(measured, low - threshold, high - threshold)
    after_five_steps = Value(None)
    if (measured == 5).any():
        (of_five,), (total,) = counts[measured == 5], samples[measured == 5]
        after_five_steps = share_value(of_five, total)
    return {
        **_steps_and_seconds("first", first_crossing(looks), steps, record),
        **_steps_and_seconds("sustained", sustained_crossing(looks, record["status"]), steps, record),
        "five_step_forget_fraction": after_five_steps,
    }


def relative_crossing(
    measurements: dict[str, np.ndarray],
    steps: dict[str, np.ndarray],
    record: dict,
    reference: tuple[np.ndarray, int],
    margin: float,
) -> dict[str, Value]:
    """When the forget fraction falls for good to that of retrained models plus a margin (a test of non-inferiority).

    Args:
        measurements: see `crossings`.
        steps: see `crossings`.
        record: see `crossings`.
        reference: how many samples of retrained models each network of the judge assigns to a forgotten class (M,), and
            the number of these samples.
        margin: share of the samples, between 0 and 1.

    Returns:
        `relative_crossing_steps` and `relative_crossing_seconds`. Empty if nothing was measured.
    """
    if not measurements:
        return {}
    measured, counts, samples = counts_by_network(measurements)
    low, high = difference_interval(counts, samples, *reference, looks=STAGES * len(measured))
    crossing = sustained_crossing(Looks(measured, low - margin, high - margin), record["status"])
    return _steps_and_seconds("relative", crossing, steps, record)


def first_crossing(looks: Looks) -> Value:
    """The first look that is surely below the threshold.

    Args:
        looks: of one run.

    Returns:
        The step, with the interval from the first look that is not surely above. Without a look that is surely below,
        the run did not cross if all looks are surely above, and is undecided otherwise.
    """
    possible = np.flatnonzero(~looks.above)
    certain = np.flatnonzero(looks.below)
    return _decided(looks.steps, possible, certain)


def sustained_crossing(looks: Looks, status: str) -> Value:
    """The first look from which on all looks are surely below the threshold.

    The last look is no crossing, because no later one shows that the share stays low. A diverged run did not cross.

    Args:
        looks: of one run.
        status: of the run.

    Returns:
        The step, with the interval from the first look from which on no look is surely above. Without such a step, the
        run did not cross if one of the last two looks is surely above, and is undecided otherwise.
    """
    if status == "diverged":
        return Value(None, censored=True)
    possible, certain = (
        np.flatnonzero(np.logical_and.accumulate(holds[::-1])[::-1][:-1]) for holds in (~looks.above, looks.below)
    )
    return _decided(looks.steps, possible, certain)


def _decided(steps: np.ndarray, possible: np.ndarray, certain: np.ndarray) -> Value:
    """One of three outcomes: crossed, not crossed, or undecided.

    Args:
        steps: (L,) measured steps.
        possible: indices of the looks at which the run may have crossed, in order.
        certain: indices of the looks at which the run has surely crossed, in order.

    Returns:
        The step of a run that crossed. For a run that is undecided, the last step at which it had surely not crossed; 0
        if there is none. For a run that did not cross, a value that is to be filled in.
    """
    if len(certain):
        return Value(int(steps[certain[0]]), float(steps[possible[0]]), float(steps[certain[0]]))
    if len(possible):
        return Value(int(steps[possible[0] - 1]) if possible[0] else 0, censored=True, undecided=True)
    return Value(None, censored=True)


def _steps_and_seconds(name: str, crossing: Value, steps: dict[str, np.ndarray], record: dict) -> dict[str, Value]:
    """A crossing in steps and in seconds, censored at the last step of the run if the run did not cross.

    Args:
        name: of the crossing.
        crossing: in steps.
        steps: columns of `steps.csv`; `seconds` (S,) of each step.
        record: of the run, with `preparation_seconds`.

    Returns:
        `{name}_crossing_steps` and `{name}_crossing_seconds`.
    """
    elapsed = np.cumsum(np.concatenate([[record["preparation_seconds"]], steps["seconds"]]))
    if crossing.value is None:
        crossing = replace(crossing, value=len(elapsed) - 1)
    ends = {
        key: None if (step := getattr(crossing, key)) is None else float(elapsed[int(step)])
        for key in ("value", "low", "high")
    }
    return {f"{name}_crossing_steps": crossing, f"{name}_crossing_seconds": replace(crossing, **ends)}


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
