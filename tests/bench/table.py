"""A line of the result for each comparison."""

import dataclasses
import sys

UNCLEAR = "unclear"


@dataclasses.dataclass
class Row:
    group: str
    name: str
    value: float
    low: float = None
    high: float = None
    unit: str = "x"  # of the value: x is a ratio
    most: float = None  # the target is at most this …
    least: float = None  # … or at least this
    doubt: str = None  # why the value cannot be judged, if so
    note: str = ""  # other figures of the same runs, behind the line
    more: dict = dataclasses.field(default_factory=dict)  # other figures, for --json

    @staticmethod
    def of(group, name, ratio, **rest):
        return Row(group, name, ratio.median, ratio.low, ratio.high, **rest)

    @property
    def target(self):
        if self.most is not None:
            return f"<= {self.most:.3g}"
        return f">= {self.least:g}" if self.least is not None else ""

    @property
    def verdict(self):
        if not self.target:
            return ""
        if (self.most is not None and self.value <= self.most) or (self.least is not None and self.value >= self.least):
            return "met"
        return UNCLEAR if self.doubt else "missed"

    def line(self):
        digits = 2 if self.unit in ("ms", "ns") or self.value >= 10 else 3
        text = f"{self.value:.{digits}f} {self.unit}"
        spread = "" if self.low is None else f"{self.low:.{digits}f} - {self.high:.{digits}f}"
        return f"  {self.name:<32}{text:>11}   {spread:<17}{self.target:<9}{self.verdict:<8}{self.note}".rstrip()

    def as_json(self):
        return {**dataclasses.asdict(self), "target": self.target, "verdict": self.verdict}


class Table:
    """Prints each row when it is known, under its group's heading."""

    def __init__(self, headings):
        self.headings = headings
        self.rows = []
        self.failures = []

    def add(self, row):
        if not self.rows or self.rows[-1].group != row.group:
            print(f"\n{row.group}: {self.headings[row.group]}")
        self.rows.append(row)
        print(row.line())
        if row.verdict == UNCLEAR:
            print(f"      {row.doubt}")
        sys.stdout.flush()

    def fail(self, group, name, reason):
        self.failures.append(f"{group}: {name}: {reason}")
        print(f"  {name}: no figure: {reason}", flush=True)

    def summary(self):
        judged = [row for row in self.rows if row.target]
        met = [row for row in judged if row.verdict == "met"]
        without = f", {len(self.failures)} comparisons gave no figure" if self.failures else ""
        print(f"\n{len(met)} of {len(judged)} targets met{without}")
        for row in judged:
            if row.verdict != "met":
                print(f"  {row.verdict}: {row.group}: {row.name}: {row.value:.3g} {row.unit}, target {row.target}")
        for failure in self.failures:
            print(f"  no figure: {failure}")
