"""bash and the small tools that scripts are made of."""

import harness
from twins import twins

SCRIPT = r"""
set -u
declare -A count
while read -r word; do ((count[$word]++)) || true; done < <(printf '%s\n' a b a c b a)
for word in $(printf '%s\n' "${!count[@]}" | sort); do echo "$word ${count[$word]}"; done

list=(one "two words" three); list+=("four"); unset 'list[0]'
echo "${#list[@]} ${list[*]} ${list[@]:1:2}"
text=abcdef; echo "${text:2:3} ${text/cd/-} ${text^^} ${text%ef}"

greet() { local name=$1; shift; echo "hello $name, $#"; return 3; }
greet world x y z; echo "status $?"
(cd /; exit 5); echo "subshell $?"
trap 'echo trapped' USR1; kill -USR1 $$; trap - USR1
for i in 1 2 3; do (sleep 0.05; exit $i) & done
for job in $(jobs -p); do wait "$job"; echo "job $?"; done
coproc upper { while read -r line; do echo "${line^^}"; done; }
echo "through a coprocess" >&"${upper[1]}"; read -r back <&"${upper[0]}"; echo "$back"
eval "exec ${upper[1]}>&-"; wait
cat <<END | tr a-z A-Z | rev
here document $((6 * 7))
END
seq 1 2000 | awk '{ sum[$1 % 7] += $1 } END { for (i = 0; i < 7; ++i) print i, sum[i] }'
find . -type f | sort | xargs grep -c line | head -3
tar cf - . | tar tf - | sort
sed -n 's/line \([0-9]*\)/<\1>/p' notes | tail -2
sort -rn notes | uniq -c | wc -l
printf '%s\n' {1..500} | split -l 100 - part. && ls part.* | wc -l
gzip -c notes | gunzip -c | cmp - notes && echo same
echo "to stderr" >&2
no_such_command_here
echo "status $?"
exit 9
"""


def test_script(weir):
    notes = "".join(f"line {n}\n" for n in range(300))
    twins(weir, ["/bin/bash", "script.sh"], files={"script.sh": SCRIPT, "notes": notes})


def test_posix_shell(weir):
    text = 'i=0; while [ $i -lt ROUNDS ]; do i=$((i+1)); v=$(echo $i | cat); done; echo $v; exec false'.replace("ROUNDS", "200" if harness.ALL else "15")
    twins(weir, ["/bin/sh", "-c", text])


def test_deep_recursion(weir):
    twins(weir, ["/bin/bash", "-c", 'f() { (( $1 == 0 )) && { echo deep; return; }; f $(($1 - 1)); }; f 500'])


harness.main(globals())
