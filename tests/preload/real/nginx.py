"""nginx with two workers under ab, a reload in the middle, and a graceful end."""

import os
import re
import shutil
import signal
import time
import urllib.request

import harness
from harness import Skip, check, equal
from servers import Server

CONFIGURATION = """
daemon off; worker_processes 2; pid {directory}/pid; error_log {directory}/errors warn;
events {{ worker_connections 512; }}
http {{
  access_log {directory}/access; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxied;
  fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  gzip on; gzip_min_length 100; gzip_types text/plain; default_type text/plain;
  server {{ listen 127.0.0.1:{port}; root {directory}/pages; location /back/ {{ proxy_pass http://127.0.0.1:{port}/; }} }}
}}
"""


def argv(directory, port):
    os.mkdir(directory + "/pages")
    os.chmod(directory, 0o777)
    for name, lines in (("small", 10), ("large", 20000)):
        with open(f"{directory}/pages/{name}", "w", encoding="utf-8") as page:
            page.writelines(f"line {n} of {name}\n" for n in range(lines))
    with open(directory + "/configuration", "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.format(directory=directory, port=port))
    return ["nginx", "-p", directory, "-c", directory + "/configuration"]


def load(port, path, requests):
    ran = harness.run_plain(["ab", "-q", "-n", str(requests), "-c", "20", f"http://127.0.0.1:{port}/{path}"], timeout=120)
    text = ran.stdout.decode()
    return ran.returncode, re.findall(r"^(?:Complete requests|Failed requests|HTML transferred|Non-2xx.*): +(\d+)", text, re.M)


def page(port, path):
    with urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{port}/{path}", headers={"Accept-Encoding": "gzip"}), timeout=20) as answer:
        return answer.status, answer.headers.get("Content-Encoding"), len(answer.read())


def session(weir, preload):
    with Server(weir, argv, harness.free_port(), preload) as server:
        answers = [load(server.port, "small", 3000), load(server.port, "large", 200), page(server.port, "large")]
        server.child.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        answers += [load(server.port, "back/small", 500), page(server.port, "small")]
        answers.append(server.end(signal.SIGQUIT))
        with open(server.directory + "/errors", encoding="utf-8") as errors:
            answers.append(errors.read())
        return answers


def test_load(weir):
    for program in ("nginx", "ab"):
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    native, preloaded = session(weir, False), session(weir, True)
    check(native[0] == (0, ["3000", "0", str(10 * len("line 0 of small\n") * 3000)]), f"ab natively: {native[0]}")
    equal(preloaded, native, "answers, status and error log")


harness.main(globals())
