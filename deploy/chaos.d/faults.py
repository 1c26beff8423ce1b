"""What each fault of the schedule does to the cluster."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from random import Random
from typing import Callable, Iterator

from cluster import Cluster
from history import Writer
from schedule import Fault
from server import Database, Server

# Faults that are over only after a while run beside each other, but not more than this many.
MOST_AT_ONCE = 3


class Nemesis:
    """Carries out faults; each says in the history when it begins and when it is over."""

    def __init__(
        self, cluster: Cluster, database: Database, proxies: list[subprocess.Popen[bytes]], writer: Writer
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._proxies = proxies
        self._writer = writer
        self._places = threading.Semaphore(MOST_AT_ONCE)
        self._of_server = threading.Lock()
        self._of_worker = {node: threading.Lock() for node in cluster.nodes}
        self._over = threading.Event()
        self._running: list[threading.Thread] = []
        self.done: Counter[str] = Counter()
        self.begun = 0
        self._act: dict[str, Callable[[Fault, str], bool]] = {
            "kill worker": self._kill_worker,
            "pause worker briefly": self._pause_worker_briefly,
            "pause worker beyond its lease": self._pause_worker_beyond_lease,
            "stop worker": self._stop_worker,
            "kill connections": lambda fault, _: self._kill(fault, "CONNECTION"),
            "kill queries": lambda fault, _: self._kill(fault, "QUERY"),
            "kill server": lambda fault, _: self._end_server(fault, signal.SIGKILL),
            "restart server": lambda fault, _: self._end_server(fault, signal.SIGTERM),
            "hang server": self._hang_server,
            "isolate server": lambda fault, _: self._isolate(fault),
            "cut server off": lambda fault, _: self._cut_off(fault),
            "read only": self._read_only,
            "connection limit": self._limit_connections,
            "lock rows": lambda fault, _: self._lock(fault, "FOR UPDATE"),
            "share rows": lambda fault, _: self._lock(fault, "LOCK IN SHARE MODE"),
            "stall network": lambda fault, _: self._order_proxy(fault, "stall", 0.3, 4),
            "cut network": lambda fault, _: self._order_proxy(fault, "refuse", 0.3, 4),
            "step clock forward": lambda fault, _: self._step_clock(fault, +1),
            "step clock back": lambda fault, _: self._step_clock(fault, -1),
        }

    def run(self, faults: Iterator[Fault]) -> None:
        """Carries out faults until `finish` is called."""
        for fault in faults:
            if self._over.wait(fault.after):
                return
            self._places.acquire()
            thread = threading.Thread(target=self._carry_out, args=(fault,), daemon=True)
            self.begun += 1
            self._running = [other for other in self._running if other.is_alive()] + [thread]
            thread.start()

    def finish(self) -> None:
        """Ends the faults that last, and returns when everything runs again."""
        self._over.set()
        for thread in self._running:
            thread.join()
        for node in self._cluster.nodes:
            self._cluster.signal(node, signal.SIGCONT)
            self._cluster.start(node)

    def _carry_out(self, fault: Fault) -> None:
        node = self._cluster.nodes[fault.victim % len(self._cluster.nodes)]
        lock = self._of_worker[node] if "worker" in fault.kind else self._of_server
        lasting = "worker" in fault.kind or "server" in fault.kind or fault.kind in ("read only", "connection limit")
        try:
            if lasting:
                lock.acquire()
            self._writer.say("fault", fault.kind.replace(" ", "-"), "begin", number=fault.number, node=node)
            if self._act[fault.kind](fault, node):
                self.done[fault.kind] += 1
            self._writer.say("fault", fault.kind.replace(" ", "-"), "end", number=fault.number, node=node)
        finally:
            if lasting:
                lock.release()
            self._places.release()

    def _last(self, fault: Fault, shortest: float, longest: float) -> None:
        # A fault lasts; the end of the run ends it.
        self._over.wait(shortest + fault.length * (longest - shortest))

    def _kill_worker(self, fault: Fault, node: str) -> bool:
        killed = self._cluster.stop(node, signal.SIGKILL, 60) is not None
        # Sometimes the next worker is there before the lease of this one is over, sometimes long after.
        self._last(fault, 0, self._cluster.lease * 1.6)
        self._cluster.start(node)
        return killed

    def _pause_worker_briefly(self, fault: Fault, node: str) -> bool:
        return self._pause(fault, node, 0.05, 0.6)

    def _pause_worker_beyond_lease(self, fault: Fault, node: str) -> bool:
        return self._pause(fault, node, 1.2, 2)

    def _pause(self, fault: Fault, node: str, shortest: float, longest: float) -> bool:
        paused = self._cluster.signal(node, signal.SIGSTOP)
        self._last(fault, self._cluster.lease * shortest, self._cluster.lease * longest)
        self._cluster.signal(node, signal.SIGCONT)
        self._cluster.start(node)
        return paused and not self._over.is_set()

    def _stop_worker(self, fault: Fault, node: str) -> bool:
        # It waits for its commands; a second signal would not.
        code = self._cluster.stop(node, signal.SIGTERM, 60)
        self._writer.say("note", "stopped-worker", "end", node=node, code=code)
        self._last(fault, 0, 2)
        self._cluster.start(node)
        return code is not None

    def _kill(self, fault: Fault, what: str) -> bool:
        server = self._database.writer()
        rows = server.ask(
            "SELECT id FROM information_schema.processlist WHERE user LIKE 'clusterops%' ORDER BY id", check=False
        )
        if not rows:
            return False
        random = Random(fault.seed)
        chosen = random.sample(rows, min(len(rows), random.randint(1, 8)))
        for row in chosen:
            # One that has ended meanwhile is no error of the run.
            server.ask(f"KILL {what} {row[0]}", check=False)
        return True

    def _end_server(self, fault: Fault, number: int) -> bool:
        server = self._database.writer()
        server.stop(number)
        # Of a member, the others are to have decided that it is lost, most of the time.
        self._last(fault, 0, 3 if len(self._database.members) == 1 else 12)
        self._start(server)
        self._await_return(server)
        return True

    def _start(self, server: Server) -> None:
        # A member ends if the one that it is copied from is lost; its unit would start it again.
        for tries_left in reversed(range(len(self._database.members))):
            try:
                server.start()
                return
            except RuntimeError:
                self._writer.say("note", "failed-start", "end", port=server.port)
                if not tries_left:
                    raise
                server.stop(signal.SIGKILL)

    def _hang_server(self, fault: Fault, _: str) -> bool:
        server = self._database.writer()
        server.signal(signal.SIGSTOP)
        self._last(fault, 0.5, 8 if len(self._database.members) == 1 else 12)
        server.signal(signal.SIGCONT)
        self._await_return(server)
        return True

    def _isolate(self, fault: Fault) -> bool:
        """Takes the other members away from the one that is written to, and leaves it its clients."""
        server = self._database.writer()
        done = server.isolate(True)
        self._last(fault, 0.5, 12)
        while not server.isolate(False):
            # A member without others may be short of connections, or ask to be started again.
            self._await_life(server)
        self._await_return(server)
        return done

    def _cut_off(self, fault: Fault) -> bool:
        """Takes the other members and its clients away from the member that is written to, without a word."""
        place = self._database.members.index(self._database.writer())
        server = self._database.members[place]
        seconds = 0.5 + fault.length * 11.5
        done = server.isolate(True)
        tell(self._proxies[place : place + 1], f"stall {seconds:.2f}")
        self._over.wait(seconds)
        while not server.isolate(False):
            self._await_life(server)
        self._await_return(server)
        return done

    def _await_return(self, server: Server) -> None:
        # A member that was away comes back by itself, if it has not ended. Of three members one may be lost at a time,
        # and for as long as they take to find out, each still says that all are there.
        whole_since: float | None = None
        while whole_since is None or time.monotonic() - whole_since < self._database.slowness:
            if not self._database.is_whole():
                whole_since = None
            elif whole_since is None:
                whole_since = time.monotonic()
            self._await_life(server)

    def _await_life(self, server: Server) -> None:
        if server.has_ended():
            # As its unit would.
            self._writer.say("note", "ended-member", "end", port=server.port)
            self._start(server)
        time.sleep(0.1)  # nothing tells when a member is back

    def _read_only(self, fault: Fault, _: str) -> bool:
        server = self._database.writer()
        done = server.ask("SET GLOBAL read_only = 1", check=False) is not None
        self._last(fault, 0.3, 5)
        while server.ask("SET GLOBAL read_only = 0", check=False) is None:
            # A busy machine lets a client wait for longer than it does.
            time.sleep(0.05)
        return done

    def _limit_connections(self, fault: Fault, _: str) -> bool:
        server = self._database.writer()
        done = server.ask("SET GLOBAL max_connections = 10", check=False) is not None
        self._last(fault, 0.3, 5)
        # The one connection that is kept for root may be another one of ours.
        while server.ask("SET GLOBAL max_connections = 300", check=False) is None:
            # The limit that was set keeps this one out as well, until another one goes.
            time.sleep(0.05)
        return done

    def _lock(self, fault: Fault, how: str) -> bool:
        random = Random(fault.seed)
        start, end = (f"{random.randrange(1 << 32):08x}" for _ in range(2))
        sql = (
            "BEGIN; SELECT COUNT(*) FROM (SELECT id FROM clusterops.work_queue"
            f" WHERE id > '{min(start, end)}-0000-4000-8000-000000000000'"
            f" ORDER BY id LIMIT {random.randint(1, 40)} {how}) AS held; SELECT SLEEP({0.3 + fault.length * 4:.1f})"
        )
        server = self._database.writer()
        return server.ask(f"SET SESSION innodb_lock_wait_timeout = 3; {sql}", check=False, limit=30) is not None

    def _order_proxy(self, fault: Fault, order: str, shortest: float, longest: float) -> bool:
        seconds = shortest + fault.length * (longest - shortest)
        tell(self._proxies, f"{order} {seconds:.2f}")
        self._over.wait(seconds)  # so that its end stands in the history when it is
        return True

    def _step_clock(self, fault: Fault, sign: int) -> bool:
        seconds = sign * round(10 ** (1 + fault.length * 2.5))
        for server in self._database.members:
            server.set_clock(seconds)
        self._last(fault, 2, 10)
        for server in self._database.members:
            server.set_clock(0)
        return True


def tell(proxies: list[subprocess.Popen[bytes]], order: str) -> None:
    """Gives the proxies an order."""
    for proxy in proxies:
        if proxy.stdin is not None:
            proxy.stdin.write(f"{order}\n".encode())
            proxy.stdin.flush()
