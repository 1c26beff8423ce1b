"""Programs that this run starts: ended with it, however it ends, and started together by a gate."""

import glob
import json
import os
import select
import subprocess
import time

READY_LIMIT = 60  # seconds until a program is connected
STOP_LIMIT = 15  # seconds for a graceful stop; then it is killed


class Failed(Exception):
    """A program that did not do what it was started for."""


def child(command, log, **options):
    """Starts a program in a session of its own, so that Ctrl-C reaches only this process, that ends with this one."""
    with open(log, "ab") as output:
        options = {"stdin": subprocess.DEVNULL, "stdout": output, **options}
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stderr=output, start_new_session=True, **options
        )


class Gated:
    """A program that says `ready`, waits for a line, and then says what it has measured."""

    def __init__(self, command, environment, log):
        self.command, self.log = command, log
        self.process = child(
            command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environment}
        )
        self.rest = b""

    def line_so_far(self, wait=0):
        """Returns its next line, or nothing when there is none in time; raises `Failed` when it has ended."""
        deadline = time.monotonic() + wait
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
                return None
            piece = os.read(self.process.stdout.fileno(), 1 << 20)
            if not piece:
                raise Failed(f"{self.command} has ended: {self.talk()}")
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def line(self, limit):
        """Returns its next line, or raises `Failed` when there is none in time."""
        if (line := self.line_so_far(limit)) is None:
            raise Failed(f"{self.command} has said nothing for {limit} s: {self.talk()}")
        return line

    def ready(self):
        """Waits until it is connected."""
        line = self.line(READY_LIMIT)
        if line != "ready":
            raise Failed(f"{self.command} said {line}, not 'ready'")
        return self

    def go(self):
        """Opens the gate."""
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def document(self, limit):
        """Returns what it says at its end."""
        return json.loads(self.line(limit))

    def talk(self):
        """Returns the end of its log."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def stop(self):
        """Asks it to end, and kills it when it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def ticks(pid):
    """Returns the processor time of a process and all below it, in seconds; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        below = []
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            with open(path, encoding="utf-8") as children:
                below += map(int, children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(ticks(other) for other in below)
