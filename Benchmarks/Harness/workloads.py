"""What is measured, and how one run of it goes: every job is counted in the database afterwards."""

import math
import time
from dataclasses import dataclass, replace

from contestants import LATENCY_SLOTS
from processes import Failed, ticks

START_LIMIT = 60  # seconds until the first job starts
ENQUEUE_LIMIT = 300  # seconds for the enqueues of one run
SHORTEST_LOOK, LOOK_SHARE = 0.01, 0.01  # seconds between looks for the end, and their share of the time so far
SETTLED = 1.0  # seconds in which an idle worker has come to rest, or a load has become even
# Of the drain that says what a full load is: jobs for each one whose latency is measured, and seconds at most.
FULL_LOAD_JOBS, FULL_LOAD_LIMIT = 20, 3
REST_LIMIT = 60  # seconds until what a load has left is done


class Unequal(Exception):
    """Jobs that were lost, done twice, or that were not done although they were said to be."""


@dataclass(frozen=True)
class Workload:
    """One thing that is measured: a drain, an enqueue, the latency of single jobs, or a benchmark of ours alone."""

    key: str
    kind: str
    jobs: int = 0
    batch: int = 1
    callers: int = 1
    workers: int = 2
    limit: float = math.inf  # seconds after which a drain is stopped; its rate is that of what it has done by then
    load: float = 0  # beside single jobs, as a share of what the worker drains
    is_far: bool = False  # there is a network to the server
    command: tuple = ()  # of the engine's benchmark
    is_once: bool = False  # and not in every round
    only: tuple = ()  # the contestants that take part, all unless some are named

    def suits(self, contestant):
        """Tells whether a contestant can take part."""
        if self.only and contestant.key not in self.only:
            return False
        if self.kind == "drain":
            return contestant.takes_batches == (self.key != "drain-single")
        if self.kind == "latency":
            return contestant.tells_latency
        return contestant.enqueues and (self.batch == 1 or contestant.enqueues_batches)

    def measure(self, contestant):
        """Runs it once on a new database; returns its figures."""
        if self.kind == "alone":
            return {"figures": contestant.alone(self.command)}
        if self.is_far:
            contestant = contestant.behind_network()
        renew(contestant)
        sized = replace(
            self, jobs=min(self.jobs, contestant.most_single if self.kind == "latency" else contestant.most)
        )
        figures = {"drain": drain, "enqueue": enqueue, "latency": latency}[self.kind](sized, contestant)
        contestant.database.check([contestant.done.split()[0], contestant.left.split()[0]])
        return figures


def renew(contestant):
    """Gives a contestant a new database with its tables."""
    contestant.database.fresh()
    contestant.setup()


def counts(contestant):
    """Returns how many jobs are done, and how many are left."""
    return contestant.count(contestant.done), contestant.count(contestant.left)


def expect(contestant, done, left):
    """Raises `Unequal` when the database says something else."""
    if (found := counts(contestant)) != (done, left):
        raise Unequal(f"{contestant.key}: {found[0]} done and {found[1]} left, not {done} and {left}")


def drain(workload, contestant):
    """Measures from the first start until nothing is left, or until the time is over."""
    server = contestant.database
    contestant.fill(workload.jobs)
    expect(contestant, 0, workload.jobs)
    workers = contestant.workers(workload.batch, workload.workers)
    try:
        used = ticks(server.process.pid), workers.seconds(ticks)
        statements, trips = server.statements(), contestant.round_trips()
        workers.go()
        began = workers.began(START_LIMIT)
        is_over = False
        while not is_over and (elapsed := time.time() - began) < workload.limit:
            # Looks cost the server something, too.
            time.sleep(max(SHORTEST_LOOK, elapsed * LOOK_SHARE))
            is_over = contestant.is_over(workload.jobs)
        seconds = time.time() - began
        statements, trips = server.statements() - statements, trips_since(trips, contestant)
        used = ticks(server.process.pid) - used[0], workers.seconds(ticks) - used[1]
        done = workload.jobs if is_over else counts(contestant)[0]
    finally:
        workers.stop()
    # What was running is done meanwhile or has gone back; nothing is lost, and nothing is done twice.
    found = counts(contestant)
    if sum(found) != workload.jobs or found[0] < done:
        raise Unequal(f"{contestant.key}: {found[0]} done and {found[1]} left of {workload.jobs}; {done} were measured")
    if not done:
        raise Failed(f"{contestant.key} has done nothing within {workload.limit} s")
    return {
        "rate": done / seconds, "done": done, "seconds": seconds,
        "server_cpu_ms": used[0] * 1000 / done, "worker_cpu_ms": used[1] * 1000 / done,
        "statements": statements / done if server.counts_statements else None,
        "round_trips": trips and trips / done,
    }  # fmt: skip


def trips_since(before, contestant):
    """Returns how many round trips there have been since a count of them; nothing without a network."""
    return None if before is None else contestant.round_trips() - before


def enqueue(workload, contestant):
    """Measures calls that return when their jobs are committed, from their first to their last."""
    each = workload.jobs // workload.callers
    callers = contestant.callers(workload.callers, each, workload.batch)
    try:
        for caller in callers:
            caller.ready()
        statements, trips = contestant.database.statements(), contestant.round_trips()
        for caller in callers:
            caller.go()
        documents = [caller.document(ENQUEUE_LIMIT) for caller in callers]
        statements = contestant.database.statements() - statements
        trips = trips_since(trips, contestant)
    finally:
        for caller in callers:
            caller.stop()
    expect(contestant, 0, each * workload.callers)
    seconds = max(document["end"] for document in documents) - min(document["begin"] for document in documents)
    calls = [call * 1000 for document in documents for call in document["calls"]]
    return {
        "rate": each * workload.callers / seconds, "done": each * workload.callers, "seconds": seconds,
        "call_p50_ms": quantile(calls, 0.5), "call_p99_ms": quantile(calls, 0.99),
        "statements": statements / len(calls) if contestant.database.counts_statements else None,
        "round_trips": trips and trips / len(calls),
    }  # fmt: skip


def full_load(workload, contestant):
    """Returns how many jobs a second the one worker drains that has the single jobs; leaves a new database."""
    jobs = min(FULL_LOAD_JOBS * workload.jobs, contestant.most)
    sample = replace(workload, jobs=jobs, batch=LATENCY_SLOTS, workers=1, limit=FULL_LOAD_LIMIT)
    rate = drain(sample, contestant)["rate"]
    renew(contestant)
    return rate


def latency(workload, contestant):
    """Measures single jobs, in an idle queue or beside a load: from the call to the start, and to the known end."""
    share = workload.load * full_load(workload, contestant) if workload.load else 0
    workers, caller = contestant.latency(workload.jobs)
    load = contestant.load(share) if share else None
    loaded, rate = 0, None
    try:
        caller.ready()
        # A worker that has just begun is still busy with itself.
        time.sleep(SETTLED)
        if load:
            load.begin()
            time.sleep(SETTLED)
        contestant.place.forget_starts()
        trips = contestant.round_trips()
        caller.go()
        document = caller.document(ENQUEUE_LIMIT)
        starts, trips = contestant.place.read_starts(), trips_since(trips, contestant)
        if load:
            loaded, rate = load.end(ENQUEUE_LIMIT)
            wait_until_over(contestant, workload.jobs + loaded)
    finally:
        for program in (load, caller, workers):
            if program:
                program.stop()
    asked, ended = document["asked"], document["ended"]
    if len(starts) != workload.jobs or len(asked) != workload.jobs:
        raise Unequal(f"{contestant.key}: {len(starts)} starts of {len(asked)} jobs, not {workload.jobs}")
    expect(contestant, workload.jobs + loaded, 0)
    figures = {"done": workload.jobs, "load": rate, "round_trips": trips and trips / workload.jobs}
    for name, moments in (("start", starts), ("end", ended)):
        took = [(moment - call) * 1000 for moment, call in zip(moments, asked, strict=True)] if moments else []
        for share, text in ((0.5, "p50"), (0.99, "p99"), (1, "max")):
            figures[f"{name}_{text}_ms"] = quantile(took, share) if took else None
    return figures


def wait_until_over(contestant, jobs):
    """Waits until nothing is left of some jobs."""
    deadline = time.monotonic() + REST_LIMIT
    while not contestant.is_over(jobs):
        if time.monotonic() > deadline:
            raise Failed(f"{contestant.key}: what the load has left is not done within {REST_LIMIT} s")
        # Nothing is measured any more.
        time.sleep(SHORTEST_LOOK)


def quantile(values, share):
    """Returns the least value that is no less than a share of all."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


FAR = ("clusterops", "floor", "pgqueuer")
LOADED = ("clusterops", "pgqueuer", "procrastinate")


def alone(key, *command, is_once=True):
    """Returns the workload that is one of the engine's own benchmarks."""
    return Workload(key, "alone", command=command, is_once=is_once, only=("clusterops",))


FULL = (
    Workload("drain-1", "drain", 4000, batch=1, limit=10),
    Workload("drain-16", "drain", 20_000, batch=16, limit=10),
    Workload("drain-100", "drain", 20_000, batch=100, limit=10),
    Workload("drain-500", "drain", 20_000, batch=500, limit=10),
    Workload("drain-single", "drain", 4000, batch=16, limit=10),
    Workload("enqueue-1", "enqueue", 2000),
    Workload("enqueue-1000", "enqueue", 20_000, batch=1000),
    Workload("enqueue-8", "enqueue", 4000, callers=8),
    Workload("latency", "latency", 300),
    Workload("latency-half", "latency", 300, load=0.5, only=LOADED),
    Workload("drain-1-far", "drain", 2000, batch=1, limit=5, is_far=True, only=FAR),
    Workload("drain-16-far", "drain", 10_000, batch=16, limit=5, is_far=True, only=FAR),
    Workload("drain-100-far", "drain", 20_000, batch=100, limit=5, is_far=True, only=FAR),
    Workload("enqueue-1-far", "enqueue", 1000, is_far=True, only=FAR),
    Workload("latency-far", "latency", 100, is_far=True, only=FAR),
    alone("trips", "promises", "--only", "trips", is_once=False),
    alone("coalesce", "promises", "--only", "coalesce", is_once=False),
    alone("pipeline", "promises", "--only", "pipeline", is_once=False),
    alone("claim", "promises", "--only", "claim"),
    alone("bulk", "promises", "--only", "bulk", "--drain", "1000000"),
    alone("status", "promises", "--only", "status"),
    alone("networks", "promises", "--only", "networks"),
    alone("callers", "promises", "--only", "callers"),
    alone("list", "promises", "--only", "list", "--rows", "200000"),
    alone("scale-100", "scale", "--nodes", "100", "--kill", "1", "--kill", "12"),
    alone("scale-1000", "scale", "--nodes", "1000", "--kill", "1", "--kill", "12"),
    alone("scale-2000", "scale", "--nodes", "2000", "--kill", "1", "--kill", "12"),
)
QUICK = (
    Workload("drain-1", "drain", 500, batch=1, limit=2),
    Workload("drain-100", "drain", 4000, batch=100, limit=2),
    Workload("drain-single", "drain", 500, batch=16, limit=2),
    Workload("enqueue-1", "enqueue", 300),
    Workload("enqueue-1000", "enqueue", 5000, batch=1000),
    Workload("latency", "latency", 30),
    Workload("latency-half", "latency", 30, load=0.5, only=LOADED),
    Workload("drain-100-far", "drain", 4000, batch=100, limit=2, is_far=True, only=FAR),
    Workload("latency-far", "latency", 30, is_far=True, only=FAR),
    alone("trips", "promises", "--only", "trips"),
    alone("pipeline", "promises", "--only", "pipeline"),
)
TINY = (
    Workload("drain-1", "drain", 40, batch=1, limit=5),
    Workload("drain-100", "drain", 200, batch=100, limit=5),
    Workload("drain-single", "drain", 40, batch=16, limit=5),
    Workload("enqueue-1", "enqueue", 20),
    Workload("enqueue-1000", "enqueue", 2000, batch=1000),
    Workload("enqueue-8", "enqueue", 40, callers=8),
    Workload("latency", "latency", 5),
    Workload("latency-half", "latency", 5, load=0.5, only=LOADED),
    Workload("drain-100-far", "drain", 200, batch=100, limit=5, is_far=True, only=FAR),
    Workload("enqueue-1-far", "enqueue", 20, is_far=True, only=FAR),
    Workload("latency-far", "latency", 5, is_far=True, only=FAR),
    alone("trips", "promises", "--only", "trips"),
    alone("bulk", "promises", "--only", "bulk", "--drain", "1000"),
    alone("scale-100", "scale", "--nodes", "3", "--seconds", "2", "--settling", "1", "--kill", "1"),
)
