"""What docs/SEEDS.md names is there: headers of core/, examples and tests, which tests/unit/core and the examples hold.

A name in its columns that has changed would otherwise send its reader nowhere.
"""

import os
import re
import sys

import house

TABLE = "docs/SEEDS.md"
COLUMNS = ["system", "type", "header", "example", "test", "for any program"]
TEST = re.compile(r"^(?:TEST|TEST_F|TYPED_TEST)\(\s*(\w+),\s*(\w+)\)", re.M)
HEADER, EXAMPLE, NAMED_TEST = 2, 3, 4


def rows(root):
    for number, line in enumerate(house.lines(root, TABLE), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0] not in ("system", "---"):
            yield number, cells


def check(root):
    complaints = []
    tests, files = set(), set()
    for path in house.files(root):
        if path.startswith("tests/unit/core/") and path.endswith(".cpp"):
            files.add(os.path.splitext(os.path.basename(path))[0])
            tests |= {f"{suite}.{name}" for suite, name in TEST.findall("\n".join(house.lines(root, path)))}
    for number, cells in rows(root):
        if len(cells) != len(COLUMNS):
            complaints.append(f"{TABLE}:{number}: {len(cells)} columns, not {len(COLUMNS)}")
            continue
        missing = [f"core/{name}" for name in re.findall(r"`([\w/]+\.hpp)`", cells[HEADER])
                   if not os.path.exists(os.path.join(root, "core", name))]
        missing += [f"docs/{name}" for name in re.findall(r"\((examples/\w+\.cpp)\)", cells[EXAMPLE])
                    if not os.path.exists(os.path.join(root, "docs", name))]
        for name in re.findall(r"`([\w.*]+)`", cells[NAMED_TEST]):
            if "." not in name or name.endswith(".cpp"):
                if name.removesuffix(".cpp") not in files:
                    missing.append(f"tests/unit/core/{name}")
            elif not any(test == name or name.endswith("*") and test.startswith(name[:-1]) for test in tests):
                missing.append(f"the test {name}")
        complaints += [f"{TABLE}:{number}: {name} is not there" for name in missing]
    return complaints


house.finish(check(sys.argv[1]))
