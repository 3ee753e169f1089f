"""Programs of the system, which really leak a little, as Valgrind sees them."""

import os

import harness
from agreement import compare

SCRIPT = "for i in 1 2 3; do x=$(echo $i); done; f() { echo f; }; f; trap 'echo x' EXIT; eval y=1"


def test_dash(weir):
    compare(weir, ["/bin/sh", "-c", SCRIPT])


def test_bash(weir):
    """bash keeps what it needs and frees the rest: both find nothing, after thousands of allocations."""
    text = 'declare -A a; for i in $(seq 50); do a[$i]=x; done; f() { local y=$1; echo ${y/1/2}; }; f 1'
    compare(weir, ["/bin/bash", "-c", text], at_least=0)


def test_gcc_driver(weir):
    compare(weir, ["/usr/bin/gcc", "-c", "-x", "c", "/dev/null", "-o", "/dev/null"], at_least=10)


def test_perl(weir):
    compare(weir, ["/usr/bin/perl", "-e", "my %h; $h{$_} = [1 .. $_] for 1 .. 50; my $x = {}; $x->{x} = $x; print 1"],
            at_least=2)


def test_sqlite(weir):
    sql = "create table t(a, b); insert into t values(1, 2), (3, 4); select * from t order by b; select x from t;"
    compare(weir, ["/usr/bin/sqlite3", "-batch", ":memory:", sql], at_least=0)


def test_tar(weir):
    compare(weir, ["/usr/bin/tar", "cf", "/dev/null", weir.write("notes", "text\n")])


def test_sort(weir):
    compare(weir, ["/usr/bin/sort", "-n", weir.write("notes", "".join(f"{n * 7 % 100}\n" for n in range(1000)))])


def test_git_diff(weir):
    place = weir.fresh_directory()
    for command in ("init -q .", "add .", "-c user.name=A -c user.email=a@example.org commit -q -m first"):
        with open(os.path.join(place, "file"), "a", encoding="utf-8") as file:
            file.write(f"{command}\n")
        harness.run_plain(["git", *command.split()], cwd=place, env=weir.environment())
    compare(weir, ["/usr/bin/git", "diff", "HEAD"], cwd=place)


harness.main(globals())
