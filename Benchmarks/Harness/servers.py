"""Private database servers in a directory of this run, on sockets, that are made to be as durable as in production."""

import glob
import os
import pwd
import shutil
import subprocess
import time

from processes import Gated, child

START_LIMIT = 60  # seconds until a server answers
STOP_LIMIT = 60  # seconds until it has ended
LATENCY = 500  # in µs, of a round trip over the network that some workloads have to their server
ASKED = 300  # times, for what a round trip takes


class NotDurable(Exception):
    """A setting by which a COMMIT could be answered before it is on the disk."""


class Server:
    """A server with one database, `bench`, that is made anew for every run."""

    kind = socket_name = ""
    durable = {}  # what every setting has to be
    counts_statements = False

    def __init__(self, directory):
        self.directory = f"{directory}/{self.kind}"
        self.process = None
        self.connection = None
        self.asked = 0

    def query(self, sql):
        """Returns the rows of a statement."""
        self.asked += 1
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()

    def value(self, sql):
        """Returns the one value of a statement."""
        return self.query(sql)[0][0]

    def statements(self):
        """Returns how many statements it has been sent; 0 where it does not count them."""
        return 0

    @property
    def socket(self):
        """The path at which it listens."""
        return f"{self.directory}/{self.socket_name}"

    def check(self, tables=()):
        """Raises `NotDurable` unless the running server, and these tables, keep what was committed."""
        found = self.settings()
        for name, wanted in self.durable.items():
            if found[name] != wanted:
                raise NotDurable(f"{self.kind}: {name} is {found[name]}, not {wanted}")

    def start(self):
        """Installs an empty server, starts it and waits until it answers."""
        self.install()
        self.process = child(self.command(), log=f"{self.directory}/log")
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.connection = self.connect(self.system_database)
                break
            except Exception as error:  # the drivers of two servers have no class in common
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as log:
                        raise RuntimeError(f"{self.kind} does not start: {log.read()[-2000:]}") from error
                # A server that starts takes some tenths of a second.
                time.sleep(0.05)
        self.check()

    def fresh(self):
        """Makes the database anew, and has what the last run left written out, so that no run pays for another."""
        self.connection.close()
        self.connection = self.connect(self.system_database)
        self.remake()
        self.connection.close()
        self.connection = self.connect("bench")

    def stop(self):
        """Ends the server by its process id."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class MariaDB(Server):
    """mariadbd."""

    kind = "mariadb"
    socket_name = "socket"
    system_database = "mysql"
    stop_signal = 15
    durable = {
        "innodb_flush_log_at_trx_commit": "1",
        "innodb_doublewrite": "ON",
        "innodb_flush_method": "O_DIRECT",
    }
    counts_statements = True
    shown = (*durable, "log_bin", "innodb_buffer_pool_size", "innodb_log_file_size", "version")

    @staticmethod
    def address(socket):
        """Returns what programs find it by at a socket."""
        return socket

    def install(self):
        os.mkdir(self.directory)
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={self.directory}/data",
             f"--tmpdir={self.directory}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, stdout=subprocess.DEVNULL)  # fmt: skip

    def command(self):
        return [
            shutil.which("mariadbd"), "--no-defaults", "--user=root", f"--datadir={self.directory}/data",
            f"--socket={self.socket}", f"--tmpdir={self.directory}", f"--pid-file={self.directory}/pid",
            "--skip-networking", "--skip-name-resolve", "--skip-log-bin", "--max-connections=500",
            "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M",
        ]  # fmt: skip

    def connect(self, database, socket=None):
        import MySQLdb

        return MySQLdb.connect(unix_socket=socket or self.socket, user="root", database=database, autocommit=True)

    def remake(self):
        self.query("DROP DATABASE IF EXISTS bench")
        self.query("CREATE DATABASE bench")

    def settings(self):
        """Returns what the running server says of itself."""
        variables = dict(self.query("SHOW GLOBAL VARIABLES"))
        return {name: variables[name] for name in self.shown}

    def statements(self):
        # Without those that the harness has sent.
        return int(self.query("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1]) - self.asked


class PostgreSQL(Server):
    """postgres, as another user than root, because it refuses to run as root."""

    kind = "postgresql"
    socket_name = ".s.PGSQL.5432"  # as its clients look for it
    system_database = "postgres"
    stop_signal = 2  # "fast": ends the connections of whoever is left
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    shown = (*durable, "shared_buffers", "max_wal_size", "wal_sync_method", "server_version")

    def programs(self):
        """Returns the directory of the newest server that is installed."""
        found = glob.glob("/usr/lib/postgresql/*/bin")
        return max(found, key=lambda path: int(path.split("/")[-2]))

    def as_owner(self, command):
        """Returns a command that runs as who may run the server."""
        if os.geteuid() != 0:
            return command
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=KILL", *command]

    def install(self):
        os.mkdir(self.directory)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            self.as_owner([f"{self.programs()}/initdb", "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C",
                           f"{self.directory}/data"]),
            check=True, stdout=subprocess.DEVNULL, cwd="/")  # fmt: skip

    def command(self):
        settings = {
            "listen_addresses": "", "unix_socket_directories": self.directory, "max_connections": 500,
            "fsync": "on", "synchronous_commit": "on", "shared_buffers": "256MB",
        }  # fmt: skip
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self.as_owner([f"{self.programs()}/postgres", "-D", f"{self.directory}/data", *options])

    @staticmethod
    def address(socket):
        """Returns the connection over a socket as a URL, as most libraries take it."""
        return f"postgresql://bench@/bench?host={os.path.dirname(socket)}"

    def connect(self, database, socket=None):
        import psycopg

        directory = os.path.dirname(socket or self.socket)
        return psycopg.connect(host=directory, user="bench", dbname=database, autocommit=True)

    def remake(self):
        self.query("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        self.query("CREATE DATABASE bench")
        self.query("CHECKPOINT")

    def settings(self):
        return {name: self.value(f"SHOW {name}") for name in self.shown}

    def check(self, tables=()):
        super().check()
        for table in tables:
            if self.value(f"SELECT relpersistence FROM pg_class WHERE oid = '{table}'::regclass") != "p":
                raise NotDurable(f"{self.kind}: a crash would empty {table}")


class Network:
    """A network to a server: another socket, behind which each message waits for half of a latency in µs."""

    def __init__(self, program, server, latency):
        directory = f"{server.directory}-{latency}"
        os.mkdir(directory)
        self.socket = f"{directory}/{server.socket_name}"
        self.program = Gated([program, self.socket, server.socket, str(latency // 2)], {}, f"{directory}/log")
        self.program.ready()

    def round_trips(self):
        """Returns how many there have been."""
        self.program.go()
        return int(self.program.line(START_LIMIT))

    def stop(self):
        """Ends it."""
        self.program.stop()


def asked_ms(server, socket):
    """Returns the median time in which a server answers the least question over a socket, in ms."""
    connection = server.connect(server.system_database, socket)
    cursor, took = connection.cursor(), []
    for _ in range(ASKED):
        begin = time.monotonic()
        cursor.execute("SELECT 1")
        cursor.fetchall()
        took.append((time.monotonic() - begin) * 1000)
    connection.close()
    return sorted(took)[ASKED // 2]


def network_cost(program, server, network):
    """Returns what a round trip takes directly, by way of the program that is the network, and with its latency."""
    without = Network(program, server, 0)
    try:
        sockets = {"direct": server.socket, "no latency": without.socket, "latency": network.socket}
        return {name: round(asked_ms(server, socket), 4) for name, socket in sockets.items()}
    finally:
        without.stop()
