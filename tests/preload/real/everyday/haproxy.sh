#!/bin/bash
#: needs haproxy curl
#: package haproxy curl
#: version haproxy -v
cat >c <<END
global
  nbthread 3
  stats socket $PWD/admin
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 20s
frontend f
  bind unix@$PWD/front
  http-request deny if { path /no }
  default_backend b
backend b
  balance roundrobin
  server s1 unix@$PWD/back
  server s2 unix@$PWD/back
frontend origin
  bind unix@$PWD/back
  http-request return status 200 content-type text/plain lf-string "%[path] %[rand(1)] %[req.hdrs,length]\n"
END
haproxy -c -f c >/dev/null 2>&1; echo "status $?"
haproxy -W -db -f c >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in {1..200}; do curl -s --unix-socket front http://x/ >/dev/null && break; sleep 0.05; done
curl -s -A weir --unix-socket front 'http://x/p[1-60]' | md5sum; curl -s -o /dev/null -w '%{http_code}\n' --unix-socket front http://x/no
for _ in 1 2 3 4; do curl -s --unix-socket front "http://x/q[1-40]" | wc -l & clients+=($!); done; wait "${clients[@]}"
kill -USR2 $server; for _ in {1..200}; do [[ $(curl -s -A weir --unix-socket front http://x/after) == /after* ]] && break; sleep 0.05; done; curl -s -A weir --unix-socket front http://x/after
kill -TERM $server; wait $server; echo "status $?"
