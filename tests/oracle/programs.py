"""The real programs that the oracle watches, each a case that ends by itself in a few seconds."""

import dataclasses
import os
import shutil
import subprocess
import typing


@dataclasses.dataclass
class Case:
    name: str
    arguments: list
    minimum: int  # stacks that a run surely compares
    context: int = 64
    variables: dict = dataclasses.field(default_factory=dict)
    prepare: typing.Callable | None = None  # fills the folder that the program runs in


def files(**contents):
    """A `prepare` that writes these files (two underscores for a dot in the name)."""
    def prepare(folder):
        for name, content in contents.items():
            with open(os.path.join(folder, name.replace("__", ".")), "w", encoding="utf-8") as file:
                file.write(content)
    return prepare


SQL = """
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
  insert into t select i, printf('row %d of many', i * 7919 % 100003), i * 1.5 from n;
create index t_b on t(b);
select count(*), sum(length(x.b)) from t x join t y on x.b = y.b;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
  select sum(json_extract(json_object('a', i, 'b', json_array(i, i + 1)), '$.b[1]')) from n;
update t set b = b || '.' where a % 3 = 0;
delete from t where a % 5 = 0;
select b, count(*) from t group by substr(b, 1, 6) order by 2 desc limit 5;
vacuum;
"""

PYTHON = """
import ast, collections, csv, ctypes, decimal, email.message, io, json, re, subprocess, sys, threading, zlib
words = [f"word{i * 7919 % 1009}" for i in range(5000)]
count = collections.Counter(words)
text = json.dumps({w: list(range(n)) for w, n in count.items()})
assert json.loads(text)["word1"] is not None
tree = ast.parse(open(json.__file__).read() + open(re.__file__).read())
assert len(list(ast.walk(tree))) > 1000
assert re.sub(r"(w)(ord)(\\d+)", r"\\3\\2\\1", " ".join(words)).count("drow") == 0
assert sum(decimal.Decimal(i) / 7 for i in range(500)) > 0
data = zlib.compress(text.encode())
assert zlib.decompress(data) == text.encode()
out = io.StringIO()
csv.writer(out).writerows([w, i] for i, w in enumerate(words))
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 50)(*[i * 7919 % 101 for i in range(50)])
ctypes.CDLL(None).qsort(values, 50, 4, compare(lambda a, b: a[0] - b[0]))
assert list(values) == sorted(values)
def deep(n):
    return [n] + deep(n - 1) if n else []
def work():
    for _ in range(3):
        assert len(deep(200)) == 200
        sorted(words, key=lambda w: w[::-1])
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
class Node:
    def __init__(self, n):
        self.next = Node(n - 1) if n else None
for _ in range(30):
    Node(100)
"""

PERL = r"""
use strict; use warnings; use List::Util qw(sum reduce); use Data::Dumper; use POSIX qw(floor);
my %count; my @lines = map { "line $_ " . join(',', map { $_ * $_ % 97 } 1 .. $_ % 40) } 1 .. 4000;
for (@lines) { $count{$_}++ for /(\d+)/g }
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $text = Dumper(\%count);
my $copy = do { no strict; no warnings; eval "my $text" };
die unless keys %$copy == keys %count;
sub deep { my $n = shift; return $n ? [deep($n - 1)] : [] }
deep(300) for 1 .. 10;
my $joined = join '|', @lines; $joined =~ s/(\w+) (\d+)/$2 $1/g; die unless length $joined;
my $total = sum(values %count) + floor(reduce { $a + $b } 1 .. 1000);
local $SIG{ALRM} = sub { die "alarm\n" };
eval { die { code => 7 } }; die unless $@->{code} == 7;
print "$total\n";
"""

CPP = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Table {
  static int at(int i) { return i == N ? N * 7 : Table<N - 1>::at(i) + 1; }
};
template <> struct Table<0> { static int at(int) { return 0; } };
int main(int argc, char** argv) {
  std::map<std::string, std::vector<int>> groups;
  std::regex word("[a-z]+([0-9]*)");
  for (int i = 0; i < argc; ++i)
    if (std::regex_match(argv[i], word)) groups[argv[i]].push_back(Table<150>::at(i));
  std::vector<std::function<int(int)>> steps{[](int i) { return i + 1; }, [&](int i) { return i * argc; }};
  std::variant<int, std::string> v = argc > 2 ? std::variant<int, std::string>("x") : 5;
  std::unordered_map<std::string, std::shared_ptr<int>> shared;
  for (auto& [name, list] : groups) std::sort(list.begin(), list.end()), shared[name] = std::make_shared<int>(1);
  std::cout << steps[0](3) + static_cast<int>(v.index() + shared.size());
}
"""

GIT = """set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
git init -q .
for i in $(seq 15); do
  mkdir -p d$((i % 3))
  for j in $(seq 10); do seq $i $((i * j * 13 + 20)) >d$((i % 3))/f$j; done
  git add .
  git commit -q -m "commit $i"
done
git branch other HEAD~4
git gc -q
git log -p --stat | wc -l
git blame d0/f3 | tail -1
git diff HEAD~6 | sha1sum
git grep -c 77 | wc -l
git fsck --full
git status --short
git merge -q other
"""

BASH = r"""set -e
declare -A seen
for i in {1..3000}; do
  word="w$((i * 7919 % 503))"
  seen[$word]+="$i "
  [[ $word =~ ^w([0-9]+)$ ]] && last=${BASH_REMATCH[1]}
done
deep() { (($1 == 0)) || deep $(($1 - 1)); }
for i in {1..20}; do deep 60; done
text=$(for k in "${!seen[@]}"; do echo "$k ${seen[$k]}"; done | sort)
for i in $(seq "$ROUNDS"); do x=$(echo "$i" | { read -r y; echo $((y * 2)); }); done
printf '%s\n' "${text:0:100}" "$last" "$x" "${text//1/2}" | wc -l
trap 'echo usr' USR1
kill -USR1 $$
"""

NODE = """
const zlib = require('zlib'), crypto = require('crypto'), {Worker} = require('worker_threads');
const o = {}; for (let i = 0; i < 50000; i++) o['k' + (i * 7919 % 1009)] = {i, list: [i, i + 1]};
if (JSON.parse(JSON.stringify(o)).k1 === undefined) process.exit(3);
const d = zlib.gzipSync(JSON.stringify(o)); zlib.gunzipSync(d);
crypto.pbkdf2Sync('a', 'b', 1000, 64, 'sha512');
new Worker('let s = 0; for (let i = 0; i < 1e6; i++) s += i', {eval: true})
  .on('exit', () => console.log(d.length > 0));
"""

JAVA = """
import java.util.*;
import java.util.concurrent.*;
public class Small {
  public static void main(String[] arguments) throws Exception {
    Map<String, List<Integer>> groups = new TreeMap<>();
    for (int i = 0; i < 20000; ++i) groups.computeIfAbsent("k" + i % 97, k -> new ArrayList<>()).add(i);
    ExecutorService pool = Executors.newFixedThreadPool(3);
    List<Future<Integer>> sums = new ArrayList<>();
    for (int t = 0; t < 6; ++t) sums.add(pool.submit(() -> groups.values().stream().mapToInt(List::size).sum()));
    int total = 0;
    for (Future<Integer> f : sums) total += f.get();
    pool.shutdown();
    System.out.println(total);
  }
}
"""

REDIS = r"""set -e
redis-server --port 0 --unixsocket "$PWD/s" --save '' --dir "$PWD" --daemonize no >server.log 2>&1 &
server=$!
for i in $(seq 100); do [ -S s ] && redis-cli -s "$PWD/s" ping >/dev/null 2>&1 && break; sleep 0.05; done
redis-benchmark -s "$PWD/s" -q -n 3000 -r 1000 -t set,get,lpush,sadd,zadd,hset >/dev/null
redis-cli -s "$PWD/s" eval 'for i=1,2000 do redis.call("set", "lua"..i, string.rep("x", i % 100)) end' 0
redis-cli -s "$PWD/s" bgsave >/dev/null
redis-cli -s "$PWD/s" debug sleep 0 >/dev/null || true
redis-cli -s "$PWD/s" shutdown nosave
wait $server
"""


def compile_java(folder):
    files(Small__java=JAVA)(folder)
    subprocess.run(["javac", "Small.java"], cwd=folder, check=True)


LONG = {"g++ -O1", "git", "java"}  # a minute of stacks that the others have as well, or few for their time


def cases(with_long):
    """Those whose program is installed; scripts/setup --tests installs them all."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or "python3"
    wanted = [
        Case("sqlite3", ["sqlite3", ":memory:", ".read in.sql"], 100_000, prepare=files(in__sql=SQL)),
        Case("python3", [python, "-s", "work.py"], 300_000, prepare=files(work__py=PYTHON),
             variables={"PYTHONMALLOC": "malloc"}),
        Case("perl", ["perl", "work.pl"], 100_000, prepare=files(work__pl=PERL)),
        Case("g++ -O1", ["g++", "-std=c++20", "-O1", "-c", "work.cpp"], 100_000, prepare=files(work__cpp=CPP)),
        Case("git", ["bash", "work.sh"], 70_000, prepare=files(work__sh=GIT)),
        Case("bash", ["bash", "work.sh"], 50_000, prepare=files(work__sh=BASH),
             variables={"ROUNDS": "40" if with_long else "15"}),
        Case("node", ["node", "work.js"], 10_000, prepare=files(work__js=NODE)),
        Case("redis-server", ["bash", "work.sh"], 10_000, prepare=files(work__sh=REDIS)),
    ]
    if shutil.which("javac"):
        wanted.append(Case("java", ["java", "-Xmx128m", "Small"], 5_000, prepare=compile_java))
    return [c for c in wanted if shutil.which(c.name.split()[0]) and (with_long or c.name not in LONG)]
