"""Print as JSON what the steps of UNO cost on one thread of the CPU, for the model of configs/mnist.yaml.

`benchmarks.table` runs this file.
"""

import json

from benchmarks.methods import RELEASED, loop_overhead, step_ratios
from unlearning.config.load import load_experiment
from unlearning.runtime.device import prepare_device

ROWS = ("finetune", "surgery_retain", "uno")
ROUNDS = 7


def ratios(rounds: int) -> dict[str, float]:
    """Measure steps and the training loop.

    Args:
        rounds: Timed steps of each row, and runs of the training loop.

    Returns:
        Ratios of the time, or of the memory, of one step to that of another, by the quantities of `benchmarks.table`.
    """
    device, experiment = prepare_device("cpu"), load_experiment("mnist")
    experiment["methods"] = {row: experiment["methods"][row] for row in ROWS}
    steps = step_ratios(experiment, device, rounds)
    return {
        f"step of UNO / of {RELEASED}": steps["uno"]["over_released"],
        f"operations of a step of UNO / of {RELEASED}": steps["uno"]["gflop_over_released"],
        "step of UNO / of gradient surgery": steps["uno"]["over_surgery_retain"],
        f"step of gradient surgery / of {RELEASED}": steps["surgery_retain"]["over_released"],
        "memory of a step of UNO / of gradient surgery (published: 1.83)": steps["uno"]["memory_over_surgery_retain"],
        "training loop / its arithmetic alone": loop_overhead(experiment, device, rounds),
    }


if __name__ == "__main__":
    print(json.dumps(ratios(ROUNDS)))
