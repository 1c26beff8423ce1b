"""The workers of a run and their configuration, and how programs of the product are called."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
from pathlib import Path

from server import Database

ROLES = ("worker", "enqueuer", "operator", "reader")
# One proxy for each server.
PROXY_PORT = 3320

# Every task is the same program, which knows by its name what to do. The checker goes by these numbers too.
TASKS: dict[str, dict[str, object]] = {
    "plain": {},
    "beat": {"max_attempts": 4},
    "slow": {},
    "once": {"max_attempts": 1},
    "doomed": {"max_attempts": 2},
    "stubborn": {"timeout": "1s", "max_attempts": 1},
    "family": {},
    "refresh": {"coalescible": True},
    "mark": {"coalescible": True},
    "flaky": {"coalescible": True, "max_attempts": 3},
}


def attempts(task: str) -> int:
    """How many attempts of a task may fail."""
    return int(str(TASKS[task].get("max_attempts", 5)))


def is_coalescible(task: str) -> bool:
    """Whether operations with this task can be done as one."""
    return bool(TASKS[task].get("coalescible", False))


class Cluster:
    """The nodes, each with a worker under its own database role."""

    def __init__(
        self, directory: Path, programs: Path, database: Database, nodes: int, lease: float, slots: int
    ) -> None:
        self.directory = directory
        self.programs = programs
        self.lease = lease
        self.nodes = [f"h{number}" for number in range(1, nodes + 1)]
        self.networks = [f"net{number}" for number in range(1, 7)]
        self._database = database
        self._slots = slots
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._locks = {node: threading.RLock() for node in self.nodes}

    # What is made before the run.

    def found(self) -> None:
        """Makes schema, roles, nodes and networks."""
        self._database.ask("CREATE DATABASE clusterops")
        first = self._database.members[0]
        socket = f"database: {{socket: {first.socket}, user: root}}\n"
        (self.directory / "root.yaml").write_text(socket)
        self._call("db", "migrate")
        for role in ROLES:
            password = self.directory / f"{role}.password"
            password.touch(0o600)
            password.write_text(secrets.token_urlsafe(16))
            sql = self._call("db", "grants", role, "--password-file", str(password))
            subprocess.run(first.client(), input=sql, text=True, check=True)
            for way, port in (("direct", first.port), ("proxy", PROXY_PORT)):
                (self.directory / f"{role}-{way}.yaml").write_text(self._connection(role, port))
        for node in self.nodes:
            address = f"192.0.2.{node[1:]}"
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
            self._call("node", "add", node, "--underlay", address, "--no-apply")
            (self.directory / f"{node}.yaml").write_text(
                self._connection("worker", PROXY_PORT) + self._node(node, address)
            )
        (self.directory / "wanted").mkdir()
        for number, network in enumerate(self.networks):
            self._call(
                "network", "add", network, "--vni", str(100 + number), "--cidr", f"10.{number}.0.0/24", "--no-apply"
            )
            (self.directory / "wanted" / network).write_text("0\n")

    def _connection(self, role: str, port: int) -> str:
        hosts = [f"127.0.0.1:{port + place}" for place in range(len(self._database.members))]
        return (
            f"database:\n    hosts: {hosts}\n    user: clusterops_{role}\n"
            f"    password_file: {self.directory}/{role}.password\n    tls: {{mode: disabled}}\n"
        )

    def _node(self, node: str, address: str) -> str:
        beat = Path(__file__).parent / "beat"
        lines = [
            f"node: {{name: {node}, underlay_address: {address}}}",
            "http: {queueworker: 'off', netnode: 'off'}",
            f"session: {{lease: {round(self.lease * 1000)}ms, renew: {round(self.lease * 200)}ms}}",
            # Short enough that what is reserved for operations that have waited for long is used too.
            f"worker: {{slots: {self._slots}, poll_interval: 1s, staleness_bound: 20s}}",
            "tasks:",
        ]
        for task, keys in TASKS.items():
            lines.append(f"    {task}:")
            lines.append(f"        command: {[str(beat), str(self.directory)]}")
            lines.append(f"        timeout: {keys.get('timeout', '60s')}")
            lines.append(f"        max_attempts: {keys.get('max_attempts', 5)}")
            lines.append(f"        coalescible: {str(keys.get('coalescible', False)).lower()}")
        return "\n".join(lines) + "\n"

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.programs / "clusterctl"), *arguments], capture_output=True, text=True, check=False,
            env=self.environment("root", "root"),
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"clusterctl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def environment(self, configuration: str, requester: str) -> dict[str, str]:
        """The environment of a call; its requester is what names the call in the rows."""
        return {
            "PATH": os.environ["PATH"],
            "CLUSTEROPS_CONFIG": str(self.directory / f"{configuration}.yaml"),
            "SUDO_USER": requester,
        }

    # Workers.

    def start(self, node: str) -> None:
        """Starts a node's worker unless it runs."""
        with self._locks[node]:
            worker = self.workers.get(node)
            if worker is not None and worker.poll() is None:
                return
            log = open(self.directory / "log" / node, "ab")
            self.workers[node] = subprocess.Popen(
                [str(self.programs / "queueworker"), "run", "--config", str(self.directory / f"{node}.yaml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            log.close()

    def signal(self, node: str, number: int) -> bool:
        """Sends a worker a signal; false if it does not run."""
        worker = self.workers.get(node)
        if worker is None or worker.poll() is not None:
            return False
        worker.send_signal(number)
        return True

    def stop(self, node: str, number: int, limit: float) -> int | None:
        """Ends a worker by a signal; its exit code, or nothing if it did not end in time and was killed."""
        with self._locks[node]:
            worker = self.workers.get(node)
            if worker is None:
                return None
            worker.send_signal(number)
            try:
                return worker.wait(limit)
            except subprocess.TimeoutExpired:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
                return None

    def await_sessions(self, limit: float = 60) -> None:
        """Returns when every node has a living session."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            rows = self._database.ask("SELECT COUNT(DISTINCT node) FROM clusterops.sessions WHERE dead = FALSE")
            if rows and int(rows[0][0]) == len(self.nodes):
                return
            # Nothing tells that a worker has begun.
            time.sleep(0.1)
        raise RuntimeError(f"not every worker has a session after {limit:.0f} s; see {self.directory}/log")

    def await_one_server(self, limit: float = 40) -> None:
        """Returns when all sessions are at one server: they go back within 30 s of the time at which it is synced.

        Afterwards it is doctor that has to say so.
        """
        end = time.monotonic() + limit
        while time.monotonic() < end:
            rows = self._database.ask("SELECT COUNT(DISTINCT server) FROM clusterops.sessions WHERE dead = FALSE")
            if rows and int(rows[0][0]) == 1:
                return
            # Nothing tells that a worker has gone back.
            time.sleep(0.1)
