"""Database servers of the run's own, which can be killed, stopped, hung and asked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

# A server that recovers on a busy machine takes seconds; one that takes longer than this will not come.
START_LIMIT = 180.0
GALERA = Path("/usr/lib/galera/libgalera_smm.so")


class Server:
    """One mariadbd, alone or a member of a Galera cluster, with its files in a directory."""

    def __init__(self, directory: Path, port: int, library: str | None, galera: list[int] | None = None) -> None:
        self.directory = directory
        self.port = port
        self.socket = directory / "socket"
        # The base ports of all members; the own one is at the place of the own port.
        self._galera = galera
        # Its copying of a member's files refuses to be root.
        self._user = "nobody" if galera else "root"
        directory.mkdir(exist_ok=True)
        (directory / "tmp").mkdir()
        self._log = open(directory / "mariadbd.log", "ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._environment = dict(os.environ)
        self.clock_file = directory / "clock"
        if library:
            self.clock_file.write_text("+0\n")
            self._environment |= {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
                "FAKETIME_NO_CACHE": "1",
                # The same setting under the names of releases up to 0.9.9 and of later ones.
                "DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }

    def install(self, template: Server | None = None) -> None:
        """Makes an empty server, or a copy of one that has not been started."""
        if template:
            shutil.copytree(template.directory / "data", self.directory / "data")
        else:
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
                 "--skip-test-db", f"--datadir={self.directory}/data", f"--tmpdir={self.directory}/tmp"],
                check=True, stdout=self._log, stderr=self._log,
            )  # fmt: skip
        if self._user != "root":
            subprocess.run(["chown", "-R", self._user, str(self.directory)], check=True)

    def _command(self) -> list[str]:
        command = [
            "mariadbd", "--no-defaults", f"--user={self._user}", f"--socket={self.socket}", "--bind-address=127.0.0.1",
            f"--port={self.port}", f"--datadir={self.directory}/data", f"--tmpdir={self.directory}/tmp",
            f"--pid-file={self.directory}/pid", "--skip-name-resolve", "--max-connections=300",
            # What deploy/mariadb/clusterops.cnf asks for, and doctor checks.
            "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", f"--log-bin={self.directory}/binlog",
            "--binlog-format=ROW", "--expire-logs-days=1", "--max-binlog-size=64M", "--max-allowed-packet=64M",
            "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=96M", "--max-prepared-stmt-count=200000",
        ]  # fmt: skip
        if self._galera:
            number = self.port % 10
            base = self._galera[number]
            command += [
                "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON", f"--wsrep-provider={GALERA}",
                # MariaDB 11.8 makes variables of the provider's options otherwise, but none of the one that isolates.
                "--loose-plugin-wsrep-provider=OFF",
                "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{port}" for port in self._galera),
                "--wsrep-cluster-name=chaos", f"--wsrep-node-name=m{number}", "--wsrep-node-address=127.0.0.1",
                f"--wsrep-node-incoming-address=127.0.0.1:{self.port}", "--wsrep-sst-method=rsync",
                f"--wsrep-sst-receive-address=127.0.0.1:{base + 3}", "--log-slave-updates", "--server-id=1",
                f"--wsrep-provider-options=base_host=127.0.0.1;base_port={base};ist.recv_addr=127.0.0.1:{base + 1}"
                f";gmcast.listen_addr=tcp://127.0.0.1:{base};{_shipped_times()}",
            ]  # fmt: skip
        return command

    def start(self, founds: bool = False) -> None:
        """Starts the server and returns when it answers, and a member when it serves."""
        with self._lock:
            command = self._command()
            if founds:
                command.append("--wsrep-new-cluster")
            elif self._galera:
                command += self._position()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=self._environment
            )
            limit = time.monotonic() + START_LIMIT
            while not self.serves():
                if self._process.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"the database server does not start; see {self.directory}/mariadbd.log")
                # A server does not tell when it begins to answer.
                time.sleep(0.05)

    def _position(self) -> list[str]:
        """Where a member stands, so that it need not copy all of another one."""
        log = self.directory / "tmp" / "position"
        subprocess.run([*self._command(), "--wsrep-recover", f"--log-error={log}"], check=False, capture_output=True)
        found = re.findall(r"Recovered position: (\S+)", log.read_text(errors="replace") if log.exists() else "")
        return [f"--wsrep-start-position={found[-1]}"] if found else []

    def members_seen(self) -> int:
        """How many members of its cluster it sees."""
        rows = self.ask("SHOW STATUS LIKE 'wsrep_cluster_size'", check=False)
        return int(rows[0][1]) if rows else 0

    def serves(self) -> bool:
        """Whether it answers, and takes part if it is a member."""
        if not self._galera:
            return self.ask("SELECT 1", check=False) is not None
        rows = self.ask("SHOW STATUS WHERE variable_name IN ('wsrep_ready', 'wsrep_local_state')", check=False)
        return rows is not None and ["wsrep_ready", "ON"] in rows and ["wsrep_local_state", "4"] in rows

    def set_clock(self, seconds: int) -> None:
        """Steps its clock to so many seconds from the true time."""
        new = self.clock_file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.clock_file)

    def isolate(self, isolated: bool) -> bool:
        """Takes the other members away from this one, or brings them back; false if it does not answer."""
        return self.ask(f"SET GLOBAL wsrep_provider_options = 'gmcast.isolate={isolated:d}'", check=False) is not None

    def has_ended(self) -> bool:
        """Whether it has ended although nobody has ended it."""
        return self._process is not None and self._process.poll() is not None

    def signal(self, number: int) -> None:
        """Sends a signal to the server."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, number: int) -> None:
        """Ends the server by a signal and waits until it has ended."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def client(self) -> list[str]:
        """The command line of a client that is root."""
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch", "--skip-column-names",
                "--default-character-set=utf8mb4", "--connect-timeout=5"]  # fmt: skip

    def ask(self, sql: str, check: bool = True, limit: float = 120) -> list[list[str]] | None:
        """The rows of statements, or nothing if the server does not answer and `check` is false."""
        try:
            done = subprocess.run(
                [*self.client(), "-e", sql], capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            if check:
                raise
            return None
        if done.returncode != 0:
            if check:
                raise RuntimeError(f"{sql[:100]}: {done.stderr.strip()}")
            return None
        return [[_plain(cell) for cell in line.split("\t")] for line in done.stdout.split("\n")[:-1]]


def _shipped_times() -> str:
    """The settings by which members find out that one is lost."""
    text = (Path(__file__).parents[1] / "galera" / "galera.cnf").read_text()
    return ";".join(re.findall(r"evs\.\w+=\w[\w.]*", text))


_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def _plain(cell: str) -> str:
    if "\\" not in cell:
        return cell
    parts, rest = [], iter(cell)
    for character in rest:
        parts.append(_ESCAPES.get(other := next(rest, ""), other) if character == "\\" else character)
    return "".join(parts)


class Database:
    """What a run's programs connect to: one server, or the three members of a Galera cluster."""

    def __init__(self, kind: str, directory: Path, library: str | None) -> None:
        if kind == "galera":
            bases = [4500, 4510, 4520]
            self.members = [Server(directory / f"m{place}", 3310 + place, library, bases) for place in range(3)]
        else:
            self.members = [Server(directory / "server", 3310, library)]

    def start(self) -> None:
        """Makes the servers and starts them."""
        first, *others = self.members
        first.install()
        for other in others:
            other.install(first)
        first.start(founds=bool(others))
        for other in others:
            other.start()

    @property
    def slowness(self) -> float:
        """How many seconds members take to find out that one of them is lost."""
        return 3 if len(self.members) > 1 else 0

    def is_whole(self) -> bool:
        """Whether all servers serve, and members are one cluster."""
        size = len(self.members)
        return all(member.serves() and (size == 1 or member.members_seen() == size) for member in self.members)

    def writer(self) -> Server:
        """The server that the product uses: the one with most of its connections."""
        sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'clusterops%'"
        counts = [member.ask(sql, check=False, limit=10) for member in self.members]
        return max(zip(self.members, counts), key=lambda pair: int(pair[1][0][0]) if pair[1] else -1)[0]

    def ask(self, sql: str, check: bool = True, limit: float = 120) -> list[list[str]] | None:
        """The rows of statements on the first server that serves; nothing if none does and `check` is false."""
        for member in self.members:
            if len(self.members) == 1 or member.serves():
                return member.ask(sql, check, limit)
        if check:
            raise RuntimeError("no database server serves")
        return None

    def stop(self) -> None:
        """Ends all servers."""
        for member in self.members:
            member.stop(signal.SIGKILL)
