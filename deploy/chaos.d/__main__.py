"""A run of chaos from its beginning to its verdict; `deploy/chaos` calls it."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import selftest
from cluster import PROXY_PORT, Cluster
from facts import Facts
from faults import Nemesis, tell
from history import History, Writer, now
from load import Load
from report import print_report
from sabotage import SABOTAGES, Saboteur
from schedule import deck_of, faults
from server import Database
from tables import Tables, read
from verdict import check

HERE = Path(__file__).resolve().parent
# As long as something ends in this time, the cluster is still at work when no more is asked for.
QUIET_LIMIT = 120.0
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        prog="chaos", description="Run workers and callers while everything around them fails, and check what they did."
    )
    parser.add_argument("--operations", type=int, default=500, help="how many to ask for at least; default 500")
    parser.add_argument("--seed", type=int, default=None, help="of faults and calls; default the time")
    parser.add_argument("--minutes", type=float, default=60, help="ask for no more after that long; default 60")
    parser.add_argument("--database", choices=("single", "galera"), default="single", help="what the database is")
    parser.add_argument("--programs", type=Path, help="where the programs are; default .build/release, then debug")
    parser.add_argument("--nodes", type=int, default=3, help="how many nodes, each with a worker; default 3")
    parser.add_argument("--slots", type=int, default=4, help="how many operations a worker runs at once; default 4")
    parser.add_argument("--callers", type=int, default=4, help="how many callers at once; default 4")
    parser.add_argument("--lease", type=float, default=3, help="seconds of a session's lease; default 3")
    parser.add_argument(
        "--pace", type=float, default=1.5, help="mean seconds between two faults, 0 for none; default 1.5"
    )
    parser.add_argument("--cuts", type=float, default=0.002, help="share of statements to cut at; default 0.002")
    parser.add_argument("--largest", type=int, default=30, help="most operations of one call; default 30")
    parser.add_argument("--clock", action="store_true", help="step the server's clock too (libfaketime)")
    parser.add_argument("--keep", action="store_true", help="keep the run's directory")
    parser.add_argument("--sabotage", choices=SABOTAGES, help="put this bug in by hand; passes if the checker objects")
    parser.add_argument("--self-test", action="store_true", help="feed the checker falsified runs instead")
    return parser.parse_args()


def programs(wanted: Path | None) -> Path:
    """The directory of the product's programs."""
    build = HERE.parent.parent / ".build"
    for directory in [wanted] if wanted else [build / "release", build / "debug"]:
        if (directory / "queueworker").exists() and (directory / "clusterctl").exists():
            return directory.resolve()
    sys.exit("chaos: there is no queueworker and clusterctl; build them, or say --programs")


def say(text: str) -> None:
    """Tells how far the run is."""
    print(f"chaos: {text}", file=sys.stderr, flush=True)


class Watch:
    """Watches the backlog."""

    def __init__(self, database: Database, load: Load, writer: Writer) -> None:
        self._database = database
        self._load = load
        self._over = threading.Event()
        self._writer = writer
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run, self._tick)]
        self.finished = 0

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _tick(self) -> None:
        # Shows the checker when the whole machine stood still, which is nobody's fault.
        while not self._over.wait(1):
            self._writer.say("note", "tick", "end")

    def look(self) -> int | None:
        """How many operations are live, or nothing if the server does not answer."""
        rows = self._database.ask(
            "SELECT COUNT(*) FROM clusterops.work_queue; SELECT COUNT(*) FROM clusterops.finished_operations",
            check=False, limit=20,
        )  # fmt: skip
        if rows is None or len(rows) != 2:
            return None
        self.finished = int(rows[1][0])
        return int(rows[0][0])

    def _run(self) -> None:
        said = time.monotonic()
        while not self._over.wait(0.5):
            live = self.look()
            if live is not None:
                self._load.waiting = live
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say(f"{self._load.requested} asked for, {self.finished} ended, {live} live")


def await_quiet(watch: Watch, limit: float) -> int:
    """Returns the number of operations that are left when none is, or when nothing ends any more."""
    ended, since = -1, time.monotonic()
    while True:
        live = watch.look()
        if live == 0:
            return 0
        if watch.finished > ended:
            ended, since = watch.finished, time.monotonic()
        elif time.monotonic() - since > limit:
            return live if live is not None else -1
        # Nothing tells that the last operation has ended.
        time.sleep(0.3)


def clusterctl(cluster: Cluster, *words: str) -> tuple[int, str]:
    """What a reader is told at the end."""
    done = subprocess.run(
        [str(cluster.programs / "clusterctl"), *words], capture_output=True, text=True, check=False,
        env=cluster.environment("operator-direct", "checker"),
    )  # fmt: skip
    return done.returncode, done.stdout or done.stderr


def run(options: argparse.Namespace, directory: Path) -> bool:
    """Carries the run out; true if the checker has nothing to object to."""
    seed = options.seed
    (directory / "log").mkdir()
    writer = Writer(directory / "history")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    library = next(iter(map(str, Path("/").glob(FAKETIME[1:]))), None) if options.clock else None
    if options.clock and library is None:
        sys.exit("chaos: libfaketime is not installed: run deploy/install-dependencies")

    database = Database(options.database, directory, library)
    cluster = Cluster(directory, programs(options.programs), database, options.nodes, options.lease, options.slots)
    began = time.monotonic()
    say(f"seed {seed}, directory {directory}")
    database.start()
    cluster.found()
    proxies = [
        subprocess.Popen(
            [sys.executable, str(HERE / "proxy.py"), str(PROXY_PORT + place), str(member.port),
             str(directory / "history"), f"{seed}{place}"],
            stdin=subprocess.PIPE,
        )
        for place, member in enumerate(database.members)
    ]  # fmt: skip
    for node in cluster.nodes:
        cluster.start(node)
    cluster.await_sessions()
    say(f"{len(cluster.nodes)} workers work after {time.monotonic() - began:.0f} s")

    nemesis = Nemesis(cluster, database, proxies, writer)
    # A short run has a few of each fault all the same.
    cards = deck_of(options.clock, with_members=len(database.members) > 1)
    deck = sum(cards.values()) if options.pace > 0 else 0
    load = Load(cluster, writer, seed, options.operations, options.largest, lambda: nemesis.begun >= deck)
    writer.say("note", "load", "begin", offset=time.time() - now())
    with Watch(database, load, writer) as watch:
        tell(proxies, f"cut {options.cuts}")
        troubles = threading.Thread(target=nemesis.run, args=(faults(seed, options.pace, cards),), daemon=True)
        if options.pace > 0:
            troubles.start()
        timer = threading.Timer(options.minutes * 60, load.over.set)
        timer.daemon = True
        timer.start()
        saboteur: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if options.sabotage:
            saboteur = Saboteur(database, SABOTAGES[options.sabotage])
        with saboteur:
            load.run(options.callers)
        timer.cancel()
        say(f"all is asked for after {time.monotonic() - began:.0f} s; the faults end")
        nemesis.finish()
        if options.pace > 0:
            troubles.join()
        tell(proxies, "cut 0")
        writer.say("note", "load", "end")
        left = await_quiet(watch, QUIET_LIMIT if not options.sabotage else 15)
    writer.say("note", "quiet", "end", left=left)
    say(f"{left} operations are left after {time.monotonic() - began:.0f} s")
    cluster.await_sessions()
    cluster.await_one_server()
    answers = {words: clusterctl(cluster, *words.split()) for words in ("doctor -o json", "status -o json")}
    tables = read(database)
    for node in cluster.nodes:
        code = cluster.stop(node, signal.SIGTERM, 60)
        if code != 0:
            say(f"the worker of {node} ended with {code}")
    for proxy in proxies:
        proxy.communicate()
    database.stop()
    writer.say("note", "run", "end")
    return decide(directory, tables, answers, options, nemesis.done, load, time.monotonic() - began)


def decide(
    directory: Path,
    tables: Tables,
    answers: dict[str, tuple[int, str]],
    options: argparse.Namespace,
    done: Counter[str],
    load: Load,
    seconds: float,
) -> bool:
    """Lets the checker look at everything, and prints what it found."""
    with open(directory / "history", encoding="utf-8") as lines:
        history = History.read(lines)
    facts = Facts(history, tables, answers, options.nodes, options.lease, options.clock)
    findings = check(facts)
    print_report(options, facts, findings, done, load, seconds)
    if options.sabotage:
        wanted = SABOTAGES[options.sabotage].check
        found = any(finding.objections for finding in findings if finding.name == wanted)
        print(f"chaos: the bug '{options.sabotage}' was {'found' if found else 'NOT found'} by the check '{wanted}'")
        return found
    return not any(finding.objections for finding in findings)


def main() -> None:
    """Runs, or tests the checker."""
    options = arguments()
    if options.self_test:
        sys.exit(selftest.run())
    if options.seed is None:
        options.seed = int(time.time())
    # A first process has no handler by default; Ctrl-C and kill are to end all of it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    directory = Path(tempfile.mkdtemp(prefix="cochaos-", dir="/dev/shm"))
    # Members of a cluster are not root.
    directory.chmod(0o711)
    passed = False
    try:
        passed = run(options, directory)
    finally:
        if options.keep or not passed:
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
