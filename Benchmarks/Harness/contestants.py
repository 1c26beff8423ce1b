"""The queues that are measured: how each is set up, filled, worked and counted."""

import copy
import json
import os
import subprocess
import time

from processes import Failed, Gated, child

SETUP_LIMIT = 120  # seconds
FILL_LIMIT = 300  # seconds
SESSIONS_LIMIT = 30  # seconds until both workers have told the database of themselves
LATENCY_SLOTS = 16  # of the worker whose latency is measured
ALONE_LIMIT = 1800  # seconds for one benchmark of the engine
BEAT = 0.01  # seconds from one call of a load to the next, unless a call can have one job only
MOST_CALLS = 1_000_000  # of a load, which is told to end long before


class Contestant:
    """A queue. Most are a program that takes a role; what is done and left is counted in the database, not by it."""

    key = name = server = ""
    done = left = ""  # what has ended well, and what has not ended yet, as FROM names it
    takes_batches = True  # or one job at a time, whatever it is told
    enqueues = enqueues_batches = True
    most = 1_000_000  # jobs in one run: what would take minutes to enqueue, and seconds of it to be measured, is less
    most_single = 1_000_000  # jobs of which the latency is measured: those that take a second each are few
    tells_latency = True  # its worker stamps starts
    setting = ""  # how it is set up, and where that is recommended
    network = None  # between it and its server, if there is one

    def __init__(self, place):
        self.place = place  # the run: servers, directory, programs

    @property
    def database(self):
        """Its server."""
        return self.place.servers[self.server]

    def count(self, what):
        """Returns how many rows the database has of something."""
        return int(self.database.value(f"SELECT COUNT(*) FROM {what}"))

    def is_over(self, _):
        """Tells whether nothing is left of some jobs."""
        return not self.database.value(f"SELECT EXISTS (SELECT 1 FROM {self.left} LIMIT 1)")

    def behind_network(self):
        """Returns the same with a network between its programs and its server."""
        other = copy.copy(self)
        other.network = self.place.networks[self.server]
        return other

    @property
    def socket(self):
        """The socket at which its programs find its server."""
        return (self.network or self.database).socket

    def round_trips(self):
        """Returns how many there have been over the network, or nothing without one."""
        return self.network.round_trips() if self.network else None

    def command(self, *role):
        """Returns the command of a role."""
        return [self.place.python, f"{self.place.peers}/with_{self.key}.py", *map(str, role)]

    def environment(self):
        """Returns what its programs find their server by."""
        return {"BENCH_DATABASE": self.database.address(self.socket)}

    def gated(self, *role, **environment):
        """Starts a program of a role; it waits at the gate."""
        return Gated(self.command(*role), {**self.environment(), **environment}, self.place.log(self.key))

    def run(self, command, limit=SETUP_LIMIT):
        """Runs a program to its end, which has to be a good one."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment()}, stdin=subprocess.DEVNULL, timeout=limit,
            capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode:
            raise Failed(f"{command} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return done.stdout

    def setup(self):
        """Makes its tables."""
        self.run(self.command("setup"))

    def fill(self, count):
        """Enqueues jobs that nobody takes yet."""
        program = self.gated("enqueue", count, min(count, 1000) if self.enqueues_batches else 1)
        try:
            program.ready().go()
            program.document(FILL_LIMIT)
        finally:
            program.stop()

    def callers(self, number, count, size):
        """Starts programs that enqueue, each `count` jobs in calls of `size`."""
        return [self.gated("enqueue", count, size) for _ in range(number)]

    def workers(self, batch, number=2):
        """Starts workers, each a process; returns them when all are connected."""
        return Workers([self.gated("work", batch, *self.place_of(place)) for place in range(number)])

    @staticmethod
    def place_of(place):
        """Returns what a worker is told of its place beside batch or concurrency."""
        return ()

    def load(self, rate):
        """Starts a program that enqueues so many jobs a second once it is told to."""
        return Load(self, rate)

    def latency(self, count):
        """Starts a worker, and returns it beside a program that enqueues into an idle queue."""
        worker = Workers([self.gated("work", LATENCY_SLOTS, *self.place_of(0), BENCH_STARTS=self.place.starts)])
        worker.go()
        return worker, self.gated("latency", count)


class Load:
    """A caller that keeps workers busy beside what is measured, at a rate as steady as it can."""

    def __init__(self, contestant, rate):
        self.size = max(round(rate * BEAT), 1) if contestant.enqueues_batches else 1
        every = {"BENCH_EVERY": f"{self.size / rate:.6f}"}
        self.program = contestant.gated("enqueue", MOST_CALLS * self.size, self.size, **every)

    def begin(self):
        """Has it enqueue."""
        self.program.ready().go()

    def end(self, limit):
        """Has it enqueue no more; returns how many jobs it has enqueued, and how many a second."""
        self.program.go()
        document = self.program.document(limit)
        jobs = len(document["calls"]) * self.size
        return jobs, jobs / (document["end"] - document["begin"])

    def stop(self):
        """Ends it."""
        self.program.stop()


class Workers:
    """Workers behind a gate, which say when the first of them had its first job."""

    def __init__(self, programs):
        self.programs = []
        try:
            for program in programs:
                self.programs.append(program.ready())
        except BaseException:
            for program in programs:
                program.stop()
            raise

    def go(self):
        """Opens the gate."""
        for program in self.programs:
            program.go()

    def began(self, limit):
        """Returns the time of the first start, by this machine's clock."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            # One of them may have none at all, when the other is quick.
            if lines := [line for program in self.programs if (line := program.line_so_far())]:
                return min(float(line.removeprefix("first ")) for line in lines)
            # Its share of the shortest drains is small.
            time.sleep(0.002)
        raise Failed(f"no worker has had a job within {limit} s: {self.programs[0].talk()}")

    def seconds(self, ticks):
        """Returns the processor time of all of them."""
        return sum(ticks(program.process.pid) for program in self.programs)

    def stop(self):
        """Ends them."""
        for program in self.programs:
            program.stop()


class Floor(Contestant):
    key, name, server = "floor", "floor: the least SQL, in C", "mariadb"
    done, left = "history", "queue"
    tells_latency = False
    setting = "a batch is claimed (SELECT … SKIP LOCKED, UPDATE, COMMIT), and ended (INSERT, DELETE, COMMIT)"

    def command(self, *role):
        return [self.place.floor, self.socket, "bench", *map(str, role)]


class Field(Floor):
    key, name = "field", "poller: ORDER BY FIELD(…) LIMIT 1 FOR UPDATE SKIP LOCKED, in C"
    takes_batches = enqueues = False
    setting = "the floor's program and tables, which claims one row at a time by the classic statement"

    def workers(self, batch, number=2):
        return Workers([self.gated("field", 1) for _ in range(number)])


class Ours(Contestant):
    key, name, server = "clusterops", "**ClusterOps**", "mariadb"
    done = "finished_operations WHERE state = 'complete'"
    left = "work_queue"
    setting = (
        "two `queueworker`s as they are installed, with `worker.slots` as the batch; the task is `noop`; enqueues, and"
        " the worker whose latency is measured, are programs of the library"
    )

    def command(self, *role):
        return [f"{self.place.programs}/clusterops-bench-engine", "role", *map(str, role)]

    def environment(self):
        return {
            **super().environment(), "CLUSTEROPS_DATABASE_SOCKET": self.socket,
            "CLUSTEROPS_DATABASE_USER": "root", "CLUSTEROPS_DATABASE_NAME": "bench",
            "CLUSTEROPS_HTTP_QUEUEWORKER": "off",
        }  # fmt: skip

    def clusterctl(self, *arguments):
        """Runs a command."""
        return self.run([f"{self.place.programs}/clusterctl", *arguments])

    def alone(self, command):
        """Returns the figures of one of the engine's own benchmarks, on a server of its own."""
        program = f"{self.place.programs}/clusterops-bench-engine"
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", program, *command, "--json"], stdin=subprocess.DEVNULL,
            timeout=ALONE_LIMIT, capture_output=True, text=True, check=False)  # fmt: skip
        # It ends with 1 when a figure is out of its bound, and then it has figures.
        if done.returncode not in (0, 1) or not done.stdout.startswith("["):
            raise Failed(f"{command} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def setup(self):
        self.clusterctl("db", "migrate")

    def fill(self, count):
        # It waits until both workers are there, as the others' jobs wait behind their gate.
        self.clusterctl("queue", "pause", "*", "--reason", "the gate")
        self.clusterctl("op", "enqueue", "noop", "--count", str(count))

    def workers(self, batch, number=2):
        return QueueWorkers(self, batch, number)


class QueueWorkers:
    """The real daemons; the gate is a paused queue."""

    def __init__(self, ours, batch, number):
        self.ours, self.processes = ours, []
        for place in range(1, number + 1):
            ours.clusterctl("node", "add", f"h{place}", "--underlay", f"127.0.0.{place}")
        environment = {**os.environ, **ours.environment(), "CLUSTEROPS_WORKER_SLOTS": str(batch)}
        for place in range(1, number + 1):
            command = [f"{ours.place.programs}/queueworker", "run", "--node", f"h{place}"]
            self.processes.append(child(command, ours.place.log(ours.key), env=environment))
        deadline = time.monotonic() + SESSIONS_LIMIT
        while ours.count("sessions WHERE renewals > 0") < number:
            if time.monotonic() > deadline:
                raise Failed("the queueworkers open no sessions")
            # A session is there some tenths of a second after the start.
            time.sleep(0.05)

    def go(self):
        self.ours.clusterctl("queue", "resume", "*")

    def began(self, limit):
        """Returns the first start that the database knows of; its clock is this machine's."""
        first = (
            "SELECT UNIX_TIMESTAMP(MIN(started_at)) FROM"
            " (SELECT MIN(started_at) AS started_at FROM finished_operations UNION ALL"
            " SELECT MIN(started_at) FROM work_queue) AS starts"
        )
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if (found := self.ours.database.value(first)) is not None:
                return float(found)
            # The first claims of a run take some milliseconds.
            time.sleep(0.05)
        raise Failed(f"no worker has had a job within {limit} s")

    def seconds(self, ticks):
        return sum(ticks(process.pid) for process in self.processes)

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


class PgQueuer(Contestant):
    key, name, server = "pgqueuer", "pgqueuer, PostgreSQL", "postgresql"
    done, left = "pgqueuer_log WHERE status = 'successful'", "pgqueuer"
    setting = (
        "`batch_size` is the batch; asyncpg, uvloop, a connection a worker, `pgq autovac`, tables `durable`"
        " (docs/guides/performance-tuning.md, tools/benchmark.py)"
    )


class Chancy(Contestant):
    key, name, server = "chancy", "Chancy, PostgreSQL", "postgresql"
    most_single = 10
    done, left = "chancy_jobs WHERE state = 'succeeded'", "chancy_jobs WHERE state <> 'succeeded'"
    most = 4000
    setting = (
        "`concurrency` of the queue is the batch, which is what it fetches at once; the executor for asyncio; no log"
        " line a job; it looks each second, the least that it can be told, and after a push"
    )


class DBOS(Contestant):
    key, name, server = "dbos", "DBOS, PostgreSQL", "postgresql"
    done, left = "dbos.workflow_status WHERE status = 'SUCCESS'", "dbos.workflow_status WHERE status <> 'SUCCESS'"
    most = 4000
    setting = (
        "`worker_concurrency` is the batch; it looks each 10 ms instead of each second; a workflow without steps; many"
        " are enqueued in one transaction (`enqueue_in_transaction`)"
    )

    @staticmethod
    def place_of(place):
        return (place,)


class Procrastinate(Contestant):
    key, name, server = "procrastinate", "procrastinate, PostgreSQL", "postgresql"
    done, left = "procrastinate_jobs WHERE status = 'succeeded'", "procrastinate_jobs WHERE status <> 'succeeded'"
    takes_batches = False
    setting = "`concurrency` 16, psycopg in C, LISTEN; each job is fetched and finished by statements of its own"


class Celery(Contestant):
    key, name, server = "celery", "Celery, MariaDB by SQLAlchemy", "mariadb"
    done, left = "celery_taskmeta WHERE status = 'SUCCESS'", "kombu_message WHERE visible"
    takes_batches = enqueues_batches = False
    most_single = 10
    setting = (
        "two workers, prefork with one process each, `worker_prefetch_multiplier` 64 (guide to optimizing), results in"
        " the database backend; a message is committed one by one; it looks each second, which cannot be changed"
    )

    @staticmethod
    def place_of(place):
        return (place,)

    def is_over(self, jobs):
        # A message that a worker has fetched is no longer to be seen, done or not.
        return self.count(self.done) == jobs


ALL = (Ours, Floor, Field, PgQueuer, Chancy, DBOS, Procrastinate, Celery)
