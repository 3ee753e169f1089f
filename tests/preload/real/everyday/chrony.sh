#!/bin/bash
#: title chronyd with its seccomp filter, chronyc
#: needs chronyd chronyc
#: package chrony
#: version chronyd --version
#: process chronyd
#: root
mkdir -m 770 run # chronyd insists on it
printf 'bindcmdaddress %s/run/sock\nport 0\nlocal stratum 8\ndriftfile %s/drift\npidfile %s/pid\nserver 127.0.0.9 offline\n' "$PWD" "$PWD" "$PWD" >c
c() { chronyc -h "$PWD/run/sock" -n "$@"; }
for filter in 0 1; do
  chronyd -x -d -u root -F $filter -f "$PWD/c" >log 2>&1 &
  server=$!
  trap 'kill $server 2>/dev/null' EXIT
  for _ in {1..200}; do c tracking 2>/dev/null | grep -q Stratum && break; sleep 0.05; done
  c sources | tail -n +3 | cut -c1-20; c add server 127.0.0.8 offline; c activity; c delete 127.0.0.8; c nonsense; echo "status $?"
  kill $server; wait $server; echo "status $?"
done
