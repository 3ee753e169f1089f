#!/bin/bash
#: needs memcached python3
#: package memcached
#: version memcached --version
user=$(id -un)
memcached -s "$PWD/s" -u "$user" -t 4 -m 16 >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in {1..200}; do [[ -S s ]] && break; sleep 0.05; done
python3 - <<'END'
import socket, threading
def talk(n, seen):
    s = socket.socket(socket.AF_UNIX); s.connect("s"); f = s.makefile("rwb")
    for i in range(300):
        f.write(b"set k%d.%d 0 0 %d\r\n%s\r\n" % (n, i, i * 7 + 1, b"v" * (i * 7 + 1)))
    f.flush()
    seen[n] = sum(f.readline() == b"STORED\r\n" for i in range(300))
    f.write(b"get k%d.77\r\nincr none 1\r\ndelete k%d.5\r\nbad\r\n" % (n, n)); f.flush()
    seen[n] = (seen[n], [f.readline().strip()[:20] for i in range(6)])
seen = {}
threads = [threading.Thread(target=talk, args=(n, seen)) for n in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(seen.items()))
END
kill -INT $server; wait $server; echo "status $?"
