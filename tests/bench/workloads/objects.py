"""Many small objects: classes, dicts, sorting, json, regular expressions, text. Usage: objects.py ROUNDS

Run with PYTHONMALLOC=malloc, so that each object is a block of the heap.
"""

import collections
import json
import random
import re
import sys

WORD = re.compile(r"(\w+)-(\d+)")


class Node:
    def __init__(self, key, parent):
        self.key = key
        self.parent = parent
        self.children = []

    def depth(self):
        return 0 if self.parent is None else 1 + self.parent.depth()


def tree(pick, size):
    nodes = [Node("root", None)]
    for number in range(size):
        parent = nodes[pick.randrange(len(nodes))]
        node = Node(f"n{number}", parent)
        parent.children.append(node)
        nodes.append(node)
    return sum(node.depth() for node in nodes)


def records(pick, size):
    people = [{"id": i, "name": f"name-{pick.randrange(10**6)}", "tags": [f"t{pick.randrange(50)}" for _ in range(4)],
               "place": {"x": pick.random(), "y": pick.random()}} for i in range(size)]
    again = json.loads(json.dumps(people))
    by_tag = collections.defaultdict(list)
    for person in again:
        for tag in person["tags"]:
            by_tag[tag].append((person["name"], person["id"]))
    return sum(len(sorted(names)[0][0]) for names in by_tag.values())


def words(pick, size):
    text = " ".join(f"w{pick.randrange(5000)}-{pick.randrange(99)}" for _ in range(size))
    counted = collections.Counter(match.group(1) for match in WORD.finditer(text))
    shouted = WORD.sub(lambda match: match.group(1).upper() + match.group(2)[::-1], text)
    return len(counted) + len(shouted.split())


def main(rounds):
    pick = random.Random(1)
    total = 0
    for _ in range(rounds):
        total += tree(pick, 12000) + records(pick, 3000) + words(pick, 20000)
    print(total)


main(int(sys.argv[1]))
