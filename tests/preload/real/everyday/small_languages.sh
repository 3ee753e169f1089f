#!/bin/bash
#: title gawk, bc, jq
#: needs gawk bc jq
#: package gawk bc jq
#: version jq --version
#: process gawk bc jq
seq 1 30000 | gawk '{ a[$1 % 101][$1] = $1 "x" } END { PROCINFO["sorted_in"] = "@ind_num_asc"; for (i in a) { n += length(a[i]) }; print n, substr(strftime("%Y", 0, 1), 1, 4); "echo child" | getline l; print l; print gensub(/(.)(.)/, "\\2\\1", "g", "abcdef") }'
echo 'scale=200; 4*a(1); 2^500; define f(n) { if (n < 2) return (1); return (n * f(n - 1)); } f(100)' | bc -l
jq -nc '[range(20000) | { k: "k\(. % 97)", v: . }] | group_by(.k) | map({ k: .[0].k, s: (map(.v) | add) }) | sort_by(.s) | .[0:3], (map(.s) | add)'
echo '{"a": [1, 2' | jq .; echo "status $?"
