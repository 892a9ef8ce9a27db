"""What `make` prints while Snakemake works: one line of progress, and each failure with the path of its log.

Snakemake finds this package by its name, because `python -m snakemake` also looks for packages in the working
directory. The option `--logger progress` selects this package. Snakemake still writes its full log to a file.

Not snakemake-logger-plugin-rich 0.5.1, which calls itself "not fully stable": this plug-in draws a bar for each rule,
prints the whole log of a failed job, and says neither how many minutes are left nor where Snakemake's log lies.
"""

import logging
import math
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

STAGES = {  # in the order in which they begin
    "data": ["fetch_dataset", "fetch_weights", "fetch_given", "prepare_dataset", "encode_images", "select_forget_set"],
    "training": ["train", "train_in_processes", "import_original", "import_moments"],
    "classifiers": ["train_classifier", "import_classifier"],
    "unlearning": ["unlearn"],
    "evaluation": ["build_reference", "build_reference_alone", "evaluate", "evaluate_density"],
    "tables and figures": ["aggregate", "write_table", "draw_figure", "write_explorer", "write_manifest", "check"],
    "export": ["export_model"],
}
STAGE_OF = {rule: stage for stage, rules in STAGES.items() for rule in rules}
BAR = 20  # characters
REDRAW = 1  # seconds between two states of the line in a terminal
REPEAT = 60  # seconds between two lines where there is no terminal
SHOWN = 5  # last lines of a failed job's log
LOG_HINT = "Complete log(s): "
# Snakemake says so after failures that this handler has shown.
KNOWN = ("Exiting because a job execution failed", "At least one job did not complete")


class Progress:
    """What is known of the jobs of one run.

    Args:
        counts: how many jobs of each rule will run.
        cores: how many jobs can run at a time.
        now: when the run begins, in seconds.
    """

    def __init__(self, counts: dict[str, int], cores: int, now: float):
        self.counts, self.cores, self.begin = Counter(counts), cores, now
        self.running = {}  # rule and time of the start, by number of the job
        self.ended, self.seconds, self.failed = Counter(), Counter(), 0

    def start(self, number: int, rule: str, now: float) -> None:
        """A job begins."""
        self.running[number] = (rule, now)

    def end(self, number: int, now: float, failed: bool = False) -> None:
        """A job ends."""
        rule, start = self.running.pop(number)
        self.ended[rule] += 1
        self.seconds[rule] += now - start
        self.failed += failed

    def seconds_left(self, now: float) -> float | None:
        """Estimate how long the run will still take.

        Args:
            now: in seconds.

        Returns:
            Seconds, if a job takes the mean time of its rule, or of all jobs if no job of its rule has ended. None
            while at least half of the jobs that are left are of such rules.
        """
        left = self.counts - self.ended
        means = {rule: self.seconds[rule] / count for rule, count in self.ended.items()}
        unknown = sum(count for rule, count in left.items() if rule not in means)
        if not means or unknown >= left.total() / 2:
            return None
        mean = self.seconds.total() / self.ended.total()
        work = sum(count * means.get(rule, mean) for rule, count in left.items())
        work -= sum(min(now - start, means.get(rule, mean)) for rule, start in self.running.values())
        return work / min(self.cores, left.total())

    def in_words(self, now: float) -> str:
        """Jobs, minutes left, and the stages that are at work."""
        words = f"{self.ended.total()} of {self.counts.total()} jobs" + (f", {self.failed} failed" * bool(self.failed))
        if (seconds := self.seconds_left(now)) is not None:
            words += f", about {max(1, math.ceil(seconds / 60))} min left"
        ended, counts = by_stage(self.ended), by_stage(self.counts)
        at_work = by_stage(Counter(rule for rule, _ in self.running.values()))
        return f"{words}: " + ", ".join(f"{stage} {ended[stage]} of {counts[stage]}" for stage in at_work)

    def bar(self) -> str:
        """The share of jobs that have ended."""
        filled = BAR * self.ended.total() // self.counts.total()
        return f"[{'=' * filled}{'-' * (BAR - filled)}]"


class LogHandler(LogHandlerBase):
    """Snakemake's handler of log events: a line that is drawn again in a terminal, and single lines elsewhere."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.terminal = self.stream.isatty()
        self.cores, self.names, self.progress = 1, {}, None
        self.stages, self.printed, self.drawn = set(), -math.inf, False
        self.closing = threading.Event()
        if self.terminal:
            threading.Thread(target=self._keep_drawing, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an event. Snakemake calls this method in a thread of its own, with the handler's lock."""
        try:
            self._take(record, getattr(record, "event", None), time.monotonic())
        except Exception:  # as all handlers of Python do: what cannot be shown must not end the run
            self.handleError(record)

    def _take(self, record: logging.LogRecord, event: LogEvent | None, now: float) -> None:
        message = record.getMessage() if record.msg else ""
        if event == LogEvent.RESOURCES_INFO:
            self.cores = getattr(record, "cores", None) or self.cores
        elif event == LogEvent.RUN_INFO:
            counts = Counter({rule: count for rule, count in record.stats.items() if rule not in ("total", "all")})
            self.progress = Progress(counts, self.cores, now)
            stages = ", ".join(f"{stage} {count}" for stage, count in by_stage(counts).items())
            self._print(f"{counts.total()} jobs, {self.cores} at a time: {stages}")
        elif event == LogEvent.JOB_INFO and record.rule_name != "all":
            self.names[record.jobid] = name_of_job(record.rule_name, dict(record.wildcards or {}))
            self.progress.start(record.jobid, record.rule_name, now)
            self._show(now, stage=STAGE_OF.get(record.rule_name, record.rule_name))
        elif event == LogEvent.JOB_FINISHED and record.job_id in self.progress.running:
            self.progress.end(record.job_id, now)
            self._show(now)
        elif event == LogEvent.JOB_ERROR and record.jobid in self.progress.running:
            self.progress.end(record.jobid, now, failed=True)
            self._print(*describe_failure(self.names[record.jobid], record.log))
            self._show(now)
        elif event == LogEvent.ERROR or (event is None and record.levelno >= logging.WARNING):
            if getattr(record, "exception", "") != "RuleException" and not any(known in message for known in KNOWN):
                self._print(message)
        elif message.startswith("Nothing to be done"):
            self._print("All results are there already.")
        elif message.startswith(LOG_HINT):
            self._print_end(message.removeprefix(LOG_HINT), now)

    def _show(self, now: float, stage: str | None = None) -> None:
        """Draw the line; without a terminal, print a line when a stage begins, and after some time."""
        if self.terminal:
            self._draw(now)
        elif (stage and stage not in self.stages) or now - self.printed >= REPEAT:
            self._print(self.progress.in_words(now))
            self.printed = now
        self.stages.add(stage)

    def _draw(self, now: float) -> None:
        """Draw the line. While no job runs there is no line, so that others can print."""
        if self.progress and self.progress.running:
            line = f"{self.progress.bar()} {self.progress.in_words(now)}"
            self._write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
            self.drawn = True
        else:
            self._clear()

    def _keep_drawing(self) -> None:
        """Show the minutes that are left, also while no job starts or ends."""
        while not self.closing.wait(REDRAW):
            with self.lock:
                self._draw(time.monotonic())

    def _print_end(self, log: str, now: float) -> None:
        """Print how many jobs have ended, and the path of Snakemake's log."""
        if self.progress:
            ended, total = self.progress.ended.total() - self.progress.failed, self.progress.counts.total()
            self._print(f"{ended} of {total} jobs are done, after {(now - self.progress.begin) / 60:.1f} min.")
        self._print(f"Snakemake's log: {log}")

    def _print(self, *lines: str) -> None:
        """Print lines in place of the line of progress."""
        self._clear()
        self._write("".join(f"{line}\n" for line in lines))

    def _clear(self) -> None:
        if self.drawn:
            self._write("\r\x1b[K")
        self.drawn = False

    def _write(self, text: str) -> None:
        encoding = self.stream.encoding or "ascii"
        self.stream.write(text.encode(encoding, errors="replace").decode(encoding))
        self.stream.flush()

    def close(self) -> None:
        """Leave no line behind."""
        self.closing.set()
        with self.lock:
            self._clear()
        super().close()


def by_stage(counts: Counter) -> Counter:
    """Numbers of jobs by stage, in the order of the stages, from numbers of jobs by rule."""
    stages = Counter(dict.fromkeys(STAGES, 0))
    for rule, count in counts.items():
        stages[STAGE_OF.get(rule, rule)] += count
    return +stages


def name_of_job(rule: str, wildcards: dict[str, str]) -> str:
    """What a job does, such as `unlearning (digits, uno, seed 0)`."""
    values = {name: f"seed {value}" if name == "seed" else value for name, value in wildcards.items()}
    order = sorted(values, key=lambda name: (name != "experiment", name == "seed"))
    return STAGE_OF.get(rule, rule) + (f" ({', '.join(values[name] for name in order)})" if values else "")


def describe_failure(name: str, logs: list[str]) -> list[str]:
    """Which job failed, the path of its log, and the last lines of the log."""
    lines = [f"FAILED: {name}; see {', '.join(logs) or 'the log of Snakemake'}"]
    for log in map(Path, logs):
        if log.is_file():
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN:]
            lines += [f"    {line}" for line in last]
    return lines
