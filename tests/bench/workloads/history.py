"""Writes a history for `git fast-import` on stdout: text files that change a little a commit.

Usage: history.py COMMITS
"""

import random
import sys


def data(text):
    return f"data {len(text.encode())}\n{text}\n"


def main(commits):
    pick = random.Random(1)
    files = {f"part{n % 12}/file{n}.c": [f"int value_{n}_{line} = {pick.randrange(10**6)};" for line in range(150)]
             for n in range(120)}
    changed = list(files)
    for commit in range(commits):
        print("commit refs/heads/main")
        print(f"committer Some One <some.one@example.org> {1600000000 + commit * 600} +0000")
        print(data(f"Change {len(changed)} files, round {commit}"), end="")
        for name in changed:
            print(f"M 100644 inline {name}")
            print(data("\n".join(files[name]) + "\n"), end="")
        changed = pick.sample(sorted(files), pick.randint(2, 5))
        for name in changed:
            for _ in range(pick.randint(1, 6)):
                line = pick.randrange(len(files[name]))
                files[name][line] = f"int changed_{commit}_{line} = {pick.randrange(10**6)};"
            if pick.random() < 0.3:
                files[name].insert(pick.randrange(len(files[name])), f"/* note {commit} */")


main(int(sys.argv[1]))
