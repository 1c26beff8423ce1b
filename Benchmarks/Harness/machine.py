"""The machine and the versions on which a run was measured."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time

FLUSHES = 200


def flush_ms(directory):
    """Returns the median time in which 4 KiB get onto the disk, in ms: what a COMMIT costs at least."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(FLUSHES):
            file.write(b"x" * 4096)
            begin = time.monotonic()
            file.flush()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - begin) * 1000)
    return sorted(took)[FLUSHES // 2]


def output(*command):
    """Returns what a command prints, or that it prints nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.strip() or "unknown"


def first(path, key):
    """Returns the first value of a key in a file of `key: value`."""
    with open(path, encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(key)), "unknown")


def description(directory, root):
    """Returns what the document says of the machine."""
    return {
        "measured": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": output("git", "-C", root, "describe", "--always", "--dirty"),
        "processor": f"{first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(first('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "file system": output("stat", "-f", "-c", "%T", directory),
        "one flush of 4 KiB, median": f"{flush_ms(directory):.2f} ms",
        "compilers": f"{output('swift', '--version').splitlines()[0]}; {output('gcc', '--version').splitlines()[0]}",
        "Python": platform.python_version(),
    }


def packages(requirements):
    """Returns the versions of the peers and their drivers as they are installed."""
    with open(requirements, encoding="utf-8") as file:
        names = [line.split("==")[0].split("[")[0].strip() for line in file if line.strip() and line[0] != "#"]
    return {name: importlib.metadata.version(name) for name in names}
