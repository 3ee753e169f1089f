"""redis-server under redis-benchmark, with snapshots by fork."""

import re
import shutil
import socket

import harness
from harness import Skip, check, equal
from servers import Server


def argv(directory, port):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save", "", "--daemonize", "no",
            "--enable-debug-command", "yes"]


def ask(port, *words):
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), 30) as link:
        link.sendall(request.encode())
        return link.recv(65536).decode()


def session(weir, preload):
    with Server(weir, argv, harness.free_port(), preload) as server:
        port = server.port
        answers = []
        bench = harness.run_plain(["redis-benchmark", "-p", str(port), "-n", "5000", "-c", "20", "-q", "-t",
                                   "set,get,incr,lpush,lpop,sadd,hset,zadd,lrange_100,mset", "-d", "300"], timeout=120)
        answers.append((bench.returncode, len(re.findall(rb"requests per second", bench.stdout)), bench.stderr))
        for n in range(200):
            ask(port, "SET", f"key{n}", "value" * n)
        answers.append(ask(port, "GET", "key7"))
        answers.append(ask(port, "EVAL", "local s = 0 for i = 1, 10000 do s = s + i end return s", "0"))
        answers.append(ask(port, "SAVE"))
        answers.append(ask(port, "DEBUG", "RELOAD"))
        answers.append(ask(port, "BGSAVE")[:1])
        answers.append(ask(port, "STRLEN", "key199"))
        answers.append(server.end())
        return answers


def test_benchmark(weir):
    if not shutil.which("redis-server"):
        raise Skip("redis-server is not installed")
    native, preloaded = session(weir, False), session(weir, True)
    check(native[0][:2] == (0, 11), f"redis-benchmark: {native[0]}")
    equal(preloaded, native, "answers and status")


harness.main(globals())
