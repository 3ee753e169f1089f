"""git: init to gc and clone, with fixed names and times so that every object has the same name."""

import harness
from twins import twins

WHO = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "C",
       "GIT_COMMITTER_EMAIL": "c@example.org", "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
       "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z", "GIT_CONFIG_NOSYSTEM": "1",
       "COMMITS": "30" if harness.ALL else "8"}

SCRIPT = r"""
set -e
git init -q -b main .
for i in $(seq 1 ${COMMITS}); do
  seq $i $((i * 40)) > file$((i % 7)); echo "$i" > "dir$((i % 3))-$i"
  git add .; git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~6; echo side > side; git add side; git commit -q -m side
git checkout -q main; git merge -q --no-ff -m merged side
git log --stat --format='%H %s' | tail -50
git diff HEAD~5 --stat; git blame -s file3 | tail -3; git shortlog -s HEAD
git stash list; echo changed >> file1; git stash -q; git stash pop -q; git status --short
git checkout -q file1; git tag -a -m tag v1; git describe
git rebase -q --onto main~3 main~1 side || git rebase --abort
git grep -c 77 | head; git rev-list --count --all
git gc -q; git fsck --no-progress; git count-objects
git clone -q . ../clone; git -C ../clone log -1 --format=%H
git archive HEAD | tar t | sort | head -5
git format-patch -q -1 -o ../patches; ls ../patches
git no-such-command
"""


def test_from_init_to_clone(weir):
    twins(weir, ["/bin/sh", "script"], files={"script": SCRIPT}, env=WHO)


harness.main(globals())
