"""Runs the benchmark: contestants take turns, round after round, and docs/performance.md tells what came out."""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import report
from contestants import ALL
from machine import description, packages
from processes import Failed
from servers import LATENCY, MariaDB, Network, PostgreSQL, network_cost
from workloads import FULL, QUICK, TINY

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT, DATA = "docs/performance.md", "docs/performance.json"


class Place:
    """What a run has: directory, servers, networks, programs, and the pipe into which workers write starts of jobs."""

    def __init__(self, arguments):
        self.programs = os.path.abspath(arguments.programs)
        self.floor = os.path.abspath(arguments.floor)
        self.delay = os.path.abspath(arguments.delay)
        self.peers = f"{ROOT}/Benchmarks/Peers"
        self.python = sys.executable
        self.directory = tempfile.mkdtemp(prefix="clusterops-bench-")
        # The server that refuses root runs as somebody else, and has its own directory in here.
        os.chmod(self.directory, 0o755)
        self.servers = {server.kind: server(self.directory) for server in (MariaDB, PostgreSQL)}
        self.networks = {}
        self.starts = f"{self.directory}/starts"
        os.mkfifo(self.starts)
        # For reading and writing, so that it has a reader before the first worker, and no end after the last.
        self.pipe = os.open(self.starts, os.O_RDWR | os.O_NONBLOCK)

    def open(self):
        """Starts the servers, and a network to each; returns what a round trip takes."""
        cost = {}
        for kind, server in self.servers.items():
            server.start()
            self.networks[kind] = Network(self.delay, server, LATENCY)
            cost[kind] = network_cost(self.delay, server, self.networks[kind])
        return cost

    def log(self, name):
        """Returns the file that takes what a contestant's programs have to say."""
        return f"{self.directory}/{name}.log"

    def read_starts(self):
        """Returns the starts that workers have written since the last call, by the monotonic clock."""
        text = b""
        while True:
            try:
                text += os.read(self.pipe, 1 << 16)
            except BlockingIOError:
                return [int(line) / 1e9 for line in text.split()]

    def forget_starts(self):
        """Drops the starts so far."""
        self.read_starts()

    def close(self):
        """Ends networks and servers, and removes everything."""
        for one in (*self.networks.values(), *self.servers.values()):
            one.stop()
        os.close(self.pipe)
        shutil.rmtree(self.directory)


def load():
    """Returns the machine's load over a minute."""
    return f"{os.getloadavg()[0]:.1f}"


def measure(place, arguments, workloads, contestants):
    """Measures everything; yields what the document is made of after each round, so that none is lost."""
    before, records, failures = load(), [], []
    network = place.open()
    for round_number in range(arguments.rounds):
        for workload in due(workloads, round_number):
            suitable = [contestant for contestant in contestants if workload.suits(contestant)]
            turn = round_number % max(len(suitable), 1)
            for contestant in suitable[turn:] + suitable[:turn]:
                who = {"workload": workload.key, "contestant": contestant.key}
                try:
                    figures = workload.measure(contestant)
                except (Failed, subprocess.TimeoutExpired) as error:
                    print(f"{round_number + 1} {workload.key:13} {contestant.key:14} FAILED: {error}", flush=True)
                    # A program that has ended says why in its last words.
                    reason = str(error).strip().splitlines()[-1][:300]
                    if not any(item["contestant"] == contestant.key and item["workload"] == workload.key
                               for item in failures):  # fmt: skip
                        failures.append({**who, "why": reason})
                    continue
                records.append({**who, "round": round_number + 1, **rounded(figures)})
                print(f"{round_number + 1} {workload.key:13} {contestant.key:14} {told(figures)}", flush=True)
        yield {
            "rounds": round_number + 1,
            "is_small": workloads[0] not in FULL,
            "cores": os.cpu_count(), "machine": description(place.directory, ROOT), "load": [before, load()],
            "servers": {kind: server.settings() for kind, server in place.servers.items()}, "network": network,
            "packages": packages(f"{place.peers}/requirements.txt"),
            "workloads": [{**dataclasses.asdict(one), "limit": min(one.limit, 1e6)} for one in workloads],
            "failures": failures, "records": records,
        }  # fmt: skip


def due(workloads, round_number):
    """Returns the workloads of a round, counted from 0."""
    return [workload for workload in workloads if not (workload.is_once and round_number)]


def told(figures):
    """Returns figures as one line."""
    figures = {one["name"]: one["value"] for one in figures["figures"]} if "figures" in figures else figures
    return ", ".join(f"{name} {report.number(value)}" for name, value in figures.items() if value is not None)


def rounded(found):
    """Returns figures with as many digits as a file needs."""
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return round(found, 4) if isinstance(found, float) else found


def added(old, new):
    """Returns the figures of a run, and those of older runs for the workloads that it has not measured."""
    fresh = {workload["key"] for workload in new["workloads"]}

    def kept(items, key):
        return [item for item in items if item[key] not in fresh]

    order = [workload.key for workload in FULL]
    before = old.get("earlier", [])
    borrowed = {key for run in before for key in run["workloads"]}
    last = {
        "measured": old["machine"]["measured"], "commit": old["machine"]["commit"], "load": old["load"],
        "workloads": [workload["key"] for workload in old["workloads"] if workload["key"] not in borrowed],
    }  # fmt: skip
    earlier = [
        {**run, "workloads": [key for key in run["workloads"] if key not in fresh]} for run in (*before, last)
    ]
    return {
        **new, "earlier": [run for run in earlier if run["workloads"]],
        "workloads": sorted(kept(old["workloads"], "key") + new["workloads"], key=lambda one: order.index(one["key"])),
        "records": kept(old["records"], "workload") + new["records"],
        "failures": kept(old["failures"], "workload") + new["failures"],
    }  # fmt: skip


def write(data, root):
    """Writes the figures, the plots, and the measured part of the document."""
    os.makedirs(f"{root}/docs", exist_ok=True)
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in data["records"])
    head = json.dumps({**data, "records": []}, ensure_ascii=False, indent=1)
    with open(f"{root}/{DATA}", "w", encoding="utf-8") as file:
        file.write(head.replace('"records": []', f'"records": [\n{lines}\n]') + "\n")
    for path, text in documents(data, root).items():
        with open(f"{root}/{path}", "w", encoding="utf-8") as file:
            file.write(text)


def documents(data, root):
    """Returns each document that is made of figures, by path."""
    try:
        with open(f"{root}/{DOCUMENT}", encoding="utf-8") as file:
            before = file.read()
    except FileNotFoundError:
        before = f"{report.BEGIN}{report.END}\n"
    found = {DOCUMENT: report.replaced(before, report.render(data))}
    return found | {f"docs/{name}": svg for name, _, svg in report.plots(report.Figures(data))}


def check(root):
    """Tells which documents are not what their figures make of them."""
    with open(f"{root}/{DATA}", encoding="utf-8") as file:
        data = json.load(file)
    wrong = []
    for path, text in documents(data, root).items():
        with open(f"{root}/{path}", encoding="utf-8") as file:
            if file.read() != text:
                wrong.append(path)
    for path in wrong:
        print(f"{path} is not what {DATA} says: run Benchmarks/run --render", file=sys.stderr)
    return 1 if wrong else 0


def chosen(items, keys):
    """Returns the items of some keys, all of them unless any are named."""
    if unknown := set(keys) - {item.key for item in items}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(item.key for item in items)}")
    return [item for item in items if not keys or item.key in keys]


def run(arguments):
    """Measures, writes, and returns the exit code."""
    workloads = chosen(TINY if arguments.self_check else QUICK if arguments.quick else FULL, arguments.workload)
    classes = chosen(ALL, arguments.contestant)
    place = Place(arguments)
    try:
        target = place.directory if arguments.self_check else arguments.output
        old = None
        if arguments.add:
            with open(f"{target}/{DATA}", encoding="utf-8") as file:
                old = json.load(file)
        for data in measure(place, arguments, workloads, [contestant(place) for contestant in classes]):
            write(added(old, data) if old else data, target)
        if arguments.self_check and check(target):
            return 1
    finally:
        place.close()
    return 1 if any(item["contestant"] == report.OURS or arguments.self_check for item in data["failures"]) else 0


def main():
    """Understands the command line."""
    parser = argparse.ArgumentParser(prog="Benchmarks/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 100), metavar="N", help="default: 5")
    parser.add_argument("--quick", action="store_true", help="one round of small sizes, under three minutes")
    parser.add_argument("--self-check", action="store_true", help="tiny sizes; fails if any contestant does")
    parser.add_argument("--workload", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--contestant", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--add", action="store_true", help="keep the document's figures of all other workloads")
    parser.add_argument("--output", default=ROOT, help="the directory whose docs/ is written; default: this project")
    parser.add_argument("--check", action="store_true", help="say whether the document is what its figures make of it")
    parser.add_argument("--render", action="store_true", help="write the document anew from its figures")
    parser.add_argument("--no-build", action="store_true", help="take the programs that are there")
    parser.add_argument("--programs", default=f"{ROOT}/.build-release/release", help="the directory of our programs")
    parser.add_argument("--floor", default=f"{ROOT}/.build-release/floor", help="the floor's program")
    parser.add_argument("--delay", default=f"{ROOT}/.build-release/delay", help="the program that is a network")
    arguments = parser.parse_args()
    if arguments.quick or arguments.self_check:
        arguments.rounds = 1
    if arguments.check:
        return check(arguments.output)
    if arguments.render:
        with open(f"{arguments.output}/{DATA}", encoding="utf-8") as file:
            write(json.load(file), arguments.output)
        return 0
    # What is open is closed on the way out; a shell starts what runs in the background with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
