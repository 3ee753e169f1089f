"""What the tests of mode=guard share: programs of programs/ run in each place, and their reports read back.

A case names a program, its arguments with the fault and without it (the twin, which must stay silent), the first
line of the report and the functions of its stacks. In a first line `<address>` stands for a number in hex and
`<1..8>` for one of these numbers; everything else is compared as it is.
"""

import os
import re
import signal
import sys
from dataclasses import dataclass, field

import harness
from harness import check, equal, match_frames

PROGRAMS = os.path.join(harness.HERE, "guard", "programs")
FLAGS = ["-O1", "-pthread", "-ldl"]
ABORTED = -signal.SIGABRT
LARGE_TABLE = 60
LINE = "================================================================="
FRAME = re.compile(r"    #\d+ 0x[0-9a-f]+(?: in (?P<name>.*?))?(?: (?P<place>\S+:\d+(?::\d+)?)| \((?P<module>[^()]*)\+0x[0-9a-f]+\).*|)$")
HEADING = re.compile(r"(in thread|freed by|allocated by|the block in front|the block behind)\b.*:$")
ASKED = re.compile(r"weir: (no leaks: |the program stood still ).*\n", re.M)  # a signal asks for the leaks too
SECTIONS = {"in thread": "now", "freed by": "freed", "allocated by": "allocated", "the block in front": "neighbour",
            "the block behind": "neighbour"}


class GuardWeir(harness.Weir):
    """Every program that it starts preloaded runs under mode=guard."""

    def __init__(self, library, tool, cache, more_options=""):
        super().__init__(library, tool, cache)
        self.more_options = more_options

    def preloaded(self, options="", json_directory=None, **more):
        options = ":".join(filter(None, ["mode=guard", self.more_options, options]))
        return super().preloaded(options, json_directory, **more)


class Finding:
    """One report: who, the first line, the functions of each stack, the headings above them, dump and summary."""

    def __init__(self, pid, line):
        self.pid, self.line, self.summary = int(pid), line, ""
        self.stacks = {"now": [], "freed": [], "allocated": [], "neighbour": []}
        self.headings = {"now": "", "freed": "", "allocated": "", "neighbour": ""}
        self.other = []

    def read(self, lines):
        section = "now"
        for text in lines:
            frame, heading = FRAME.match(text), HEADING.match(text)
            if heading:
                section = SECTIONS[heading[1]]
                self.headings[section] = text
            elif frame and "libweir" not in text:
                self.stacks[section].append(harness.plain_name({"function": frame["name"], "module": frame["module"]}))
            elif text.startswith("SUMMARY: weir: "):
                self.summary = text.removeprefix("SUMMARY: weir: ")
                return
            elif not frame and text:
                self.other.append(text)
        raise harness.Failure(f"a report ends without a summary: {self.line}")


def findings_of(text):
    """The guard's reports in a standard error, and the lines that belong to none."""
    found, rest = [], []
    lines = iter(text.splitlines())
    for line in lines:
        begin = re.match(r"==(\d+)==ERROR: weir: ((?!detected memory leaks).*)$", line)
        if begin:
            found.append(Finding(*begin.groups()))
            found[-1].read(lines)
        elif line and line != LINE and not ASKED.match(line + "\n"):
            rest.append(line)
    return found, rest


def line_matches(wanted, line):
    pattern, ranges = "", []
    for part in re.split(r"(<[^<>]+>)", wanted):
        between = re.fullmatch(r"<(-?\d+)\.\.(-?\d+)>", part)
        if between:
            ranges.append(range(int(between[1]), int(between[2]) + 1))
            pattern += r"(-?\d+)"
        else:
            pattern += "0x[0-9a-f]+" if part == "<address>" else ".*" if part == "<path>" else re.escape(part)
    match = re.fullmatch(pattern, line)
    return match is not None and all(int(number) in allowed for number, allowed in zip(match.groups(), ranges))


def frames(text):
    return re.split(r"\s+(<<?)\s+", text)


@dataclass
class Case:
    name: str
    program: str
    args: str
    line: str
    twin: str = ""
    stacks: dict = field(default_factory=dict)  # section: "make < fault"
    options: str = ""
    where: str = "main"
    by: dict = field(default_factory=dict)  # section: the call that its heading names
    language: str = ""  # "c++" for a C program that is to be built as one
    status: int = ABORTED
    flags: tuple = ()
    routes: str = ""


def build(weir, program, where="main", language="", flags=()):
    """The program, and the directory of its plug-in."""
    source = os.path.join(PROGRAMS, program)
    compiler = "g++" if language == "c++" or program.endswith(".cpp") else "gcc"
    plugins = weir.fresh_directory()
    if where == "plugin":
        plugin = weir.build(source, [*FLAGS, *flags, "-DPLUGIN", "-fPIC", "-shared"], "fault.so", compiler)
        os.symlink(plugin, os.path.join(plugins, "fault.so"))
    return weir.build(source, [*FLAGS, *flags], compiler=compiler), plugins


def run(weir, case, args, patience=10000, options=None):
    program, plugins = build(weir, case.program, case.where, case.language, case.flags)
    return weir.run([program, *args.split()], case.options if options is None else options,
                    env={"WHERE": case.where, "PLUGINS": plugins, "PATIENCE": str(patience), **({"WEIR_ROUTES": case.routes} if case.routes else {})})


def check_stacks(case, finding):
    for section, wanted in case.stacks.items():
        names = finding.stacks[section]
        check(match_frames(frames(wanted), names), f"the stack of '{section}': got {' < '.join(names)}, wanted {wanted}")
    for section, call in case.by.items():
        heading = finding.headings[section]
        check(re.search(rf"\bby {re.escape(call)}( of [^,]*)?(,|:)", heading), f"{heading!r} does not say 'by {call}'")


def check_json(finding, documents):
    """json_path holds the same."""
    equal([(document["pid"], document["message"]) for document in documents], [(finding.pid, finding.line)], "JSON")
    for section, names in finding.stacks.items():
        frames_in_json = documents[0]["stacks"].get(section, {"frames": []})["frames"]
        equal([harness.plain_name(frame) for frame in frames_in_json], names, f"JSON: the stack of '{section}'")


def check_finding(case, result):
    found, rest = findings_of(result.stderr.decode(errors="replace"))
    check(len(found) == 1, f"{len(found)} reports, wanted one")
    finding = found[0]
    check(line_matches(case.line, finding.line), f"first line: got {finding.line!r}, wanted {case.line!r}")
    equal(rest, [], "lines outside of the report")
    child = case.where == "child" or case.status > 128
    check((finding.pid == result.pid) != child, f"the report is of process {finding.pid}, the program is {result.pid}")
    equal(result.status, 128 - case.status if child and case.status < 0 else case.status, "exit status")
    if case.routes:
        route = re.sub(r".*-> (\w+).*", r"\1", case.routes)
        check(f", on route '{route}':" in finding.headings["allocated"], f"no route in {finding.headings['allocated']!r}")
    kind = case.line.split(":")[0]
    check(finding.summary.startswith(kind), f"the summary says {finding.summary!r}")
    check_stacks(case, finding)
    check_json(finding, result.incidents)


def check_silent(result, status=0):
    equal(ASKED.sub("", result.stderr.decode(errors="replace")), "", "standard error of the twin")
    equal(result.status, status, "exit status of the twin")


def with_result(result, function, *arguments):
    try:
        return function(*arguments)
    except harness.Failure as failure:
        raise harness.Failure(f"{failure}\n{result.describe()}") from None


def run_fault(weir, case):
    result = run(weir, case, case.args)
    with_result(result, check_finding, case, result)


def run_twin(weir, case):
    result = run(weir, case, case.twin, patience=300)
    with_result(result, check_silent, result)


def sample(cases):
    """Each case with a number that none before it had, or a word that none had in a report of its kind; and every eighth
    of the others."""
    seen, others = set(), 0
    for case in cases:
        kind = case.line.split(":")[0]
        words = {(place, word, kind if re.search("[a-z]", word) else "")
                 for place, word in enumerate((case.where, case.options, case.routes, *case.args.split()))}
        others += words <= seen
        if not words <= seen or others % 8 == 0:
            seen |= words
            yield case


def tests(weir, cases):
    """(name, function) pairs for run_cases: each case's fault, and each different twin once.

    Of a large table most cases are left to the long tests: those that run have every word of it beside every kind of
    report, an eighth of the others, and the twins of half of them.
    """
    twins = set()
    is_sampled = not harness.ALL and len(cases) > LARGE_TABLE
    for number, case in enumerate(sample(cases) if is_sampled else cases):
        yield case.name, lambda case=case: run_fault(weir, case)
        twin = (case.program, case.twin, case.options, case.where, case.language, case.flags, case.routes)
        if case.twin and twin not in twins and not (is_sampled and number % 2):
            twins.add(twin)
            yield f"{case.name}, twin", lambda case=case: run_twin(weir, case)


def main(cases, *more):
    """FILE.py LIBRARY TOOL CACHE [PATTERN]; more: functions of a weir that are tests of their own."""
    weir = GuardWeir(*sys.argv[1:4])
    pattern = sys.argv[4] if len(sys.argv) > 4 else ""
    every = [*tests(weir, list(cases)), *((each.__name__.removeprefix("test_"), lambda each=each: each(weir)) for each in more)]
    harness.run_cases((name, function) for name, function in every if pattern in name)
