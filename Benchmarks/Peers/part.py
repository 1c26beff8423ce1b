"""What the programs of all peers share: their roles, the gate, and the answers that Benchmarks/Harness reads."""

import json
import os
import select
import sys
import time

DATABASE = os.environ.get("BENCH_DATABASE", "")  # a URL of PostgreSQL, or the socket of MariaDB
STARTS = os.environ.get("BENCH_STARTS", "")
EVERY = float(os.environ.get("BENCH_EVERY", "0"))  # seconds from one call to the next; 0 is as fast as it goes
IS_LOAD = EVERY > 0  # whether what it enqueues is a load beside what is measured
REST = 0.01  # seconds in which a worker that has ended a job comes to rest

# What the harness reads; whatever else is printed goes where the errors go.
_answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

_begun = False
_starts = None  # the pipe that takes all of them


def gate():
    """Tells that this program is connected, and waits until all others are."""
    print("ready", file=_answers)
    # Byte by byte: a line that has come after it is not taken out of the sight of who waits for one.
    while (byte := os.read(0, 1)) != b"\n":
        if not byte:
            sys.exit(0)


def started(is_load=False):
    """Is called by every job: tells of the first one, or writes down all of them where latency is measured."""
    global _begun, _starts
    if is_load:
        return
    if STARTS:
        if _starts is None:
            _starts = os.open(STARTS, os.O_WRONLY)
        os.write(_starts, b"%d\n" % time.monotonic_ns())
    elif not _begun:
        _begun = True
        print(f"first {time.time():.6f}", file=_answers)


class Calls:
    """Calls that enqueue, timed one by one; those of a load come in turn, until the harness says one more line."""

    def __init__(self):
        gate()
        self.begin, self.calls = time.time(), []

    def __enter__(self):
        if IS_LOAD:
            # Nothing else runs in this program. It is the harness that sets the pace.
            time.sleep(max(self.begin + len(self.calls) * EVERY - time.time(), 0))
            if select.select([0], [], [], 0)[0]:
                self.say()
                sys.exit(0)
        self.asked = time.monotonic()

    def __exit__(self, *_):
        self.calls.append(time.monotonic() - self.asked)

    def say(self):
        """Prints what was measured."""
        print(json.dumps({"begin": self.begin, "end": time.time(), "calls": self.calls}), file=_answers)


class Jobs:
    """Single jobs in an idle queue: when each was asked for, and when its caller knew that it had ended."""

    def __init__(self):
        self.moments = {"asked": [], "ended": []}
        gate()

    def asked(self):
        """Is called before the call that enqueues."""
        self.moments["asked"].append(time.monotonic())

    def ended(self):
        """Is called when the queue's own way to wait for a job has returned; never where it has none."""
        self.moments["ended"].append(time.monotonic())

    def say(self):
        """Prints what was measured."""
        print(json.dumps(self.moments), file=_answers)


def role():
    """Returns the role of this program, and the numbers behind it."""
    return sys.argv[1], [int(word) for word in sys.argv[2:]]
