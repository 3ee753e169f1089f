"""A file past four hundred lines is asked why. Those with an answer stand here with it."""

import sys

import house

LIMIT = 400
WHY_LONGER = {}


def check(root):
    asked = house.code_files(root) + [path for path in house.files(root) if path.endswith(".py")]
    complaints = []
    for path in asked:
        count = len(house.lines(root, path))
        if count > LIMIT and path not in WHY_LONGER:
            complaints.append(f"{path}: {count} lines; split it, or give the reason in {__file__}")
    complaints += [f"{path}: stands in the list of long files, and is not one" for path in WHY_LONGER
                   if path not in asked or len(house.lines(root, path)) <= LIMIT]
    return complaints


house.finish(check(sys.argv[1]))
