"""Starting a server, asking it, and ending it; natively or under the library."""

import os
import signal
import socket
import subprocess
import time

import twins
from harness import check


class Server:
    """A server in a directory of its own, with a free port of 127.0.0.1; argv gets that port."""

    def __init__(self, weir, argv_for, port, preload, env=None):
        self.directory, self.port, self.preload = weir.fresh_directory(), port, preload
        logs = os.path.join(self.directory, "log.%p")
        environment = (weir.preloaded(f"{twins.OPTIONS}:log_path={logs}", **(env or {})) if preload
                       else weir.environment(**(env or {})))
        self.output = open(os.path.join(self.directory, "output"), "w+b")
        self.child = subprocess.Popen(argv_for(self.directory, port), env=environment, cwd=self.directory,
                                      stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        self.wait_until_it_listens()

    def text(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def wait_until_it_listens(self):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            check(self.child.poll() is None, f"the server ended with {self.child.poll()}: {self.text()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.child.kill()
        check(False, f"the server does not listen: {self.text()}")

    def end(self, number=signal.SIGTERM):
        """Asks the server to end; returns its status."""
        self.child.send_signal(number)
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            check(False, f"the server did not end on signal {number}: {self.text()}")
        finally:
            if self.preload:
                twins.check_was_in(twins.read_logs(self.directory))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.output.close()
