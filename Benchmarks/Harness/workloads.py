"""What is measured, and how one run of it goes: every job is counted in the database afterwards."""

import math
import time
from dataclasses import dataclass, replace

from processes import Failed, ticks

START_LIMIT = 60  # seconds until the first job starts
ENQUEUE_LIMIT = 300  # seconds for the enqueues of one run
SHORTEST_LOOK, LOOK_SHARE = 0.01, 0.01  # seconds between looks for the end, and their share of the time so far
SETTLED = 1.0  # seconds in which an idle worker has come to rest


class Unequal(Exception):
    """Jobs that were lost, done twice, or that were not done although they were said to be."""


@dataclass(frozen=True)
class Workload:
    """One thing that is measured: a drain by two workers, an enqueue, or the latency of single jobs."""

    key: str
    kind: str
    jobs: int
    batch: int = 1
    callers: int = 1
    limit: float = math.inf  # seconds after which a drain is stopped; its rate is that of what it has done by then

    def suits(self, contestant):
        """Tells whether a contestant can take part."""
        if self.kind == "drain":
            return contestant.takes_batches == (self.key != "drain-single")
        if self.kind == "latency":
            return contestant.tells_latency
        return contestant.enqueues and (self.batch == 1 or contestant.enqueues_batches)

    def measure(self, contestant):
        """Runs it once on a new database; returns its figures."""
        server = contestant.database
        server.fresh()
        contestant.setup()
        sized = replace(
            self, jobs=min(self.jobs, contestant.most_single if self.kind == "latency" else contestant.most)
        )
        figures = {"drain": drain, "enqueue": enqueue, "latency": latency}[self.kind](sized, contestant)
        server.check([contestant.done.split()[0], contestant.left.split()[0]])
        return figures


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
    workers = contestant.workers(workload.batch)
    try:
        used = ticks(server.process.pid), workers.seconds(ticks)
        statements = server.statements()
        workers.go()
        began = workers.began(START_LIMIT)
        is_over = False
        while not is_over and (elapsed := time.time() - began) < workload.limit:
            # Looks cost the server something, too.
            time.sleep(max(SHORTEST_LOOK, elapsed * LOOK_SHARE))
            is_over = contestant.is_over(workload.jobs)
        seconds = time.time() - began
        statements = server.statements() - statements
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
    }  # fmt: skip


def enqueue(workload, contestant):
    """Measures calls that return when their jobs are committed, from their first to their last."""
    each = workload.jobs // workload.callers
    callers = contestant.callers(workload.callers, each, workload.batch)
    try:
        for caller in callers:
            caller.ready()
        statements = contestant.database.statements()
        for caller in callers:
            caller.go()
        documents = [caller.document(ENQUEUE_LIMIT) for caller in callers]
        statements = contestant.database.statements() - statements
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
    }  # fmt: skip


def latency(workload, contestant):
    """Measures single jobs in an idle queue: from the call to the start, and to the known end."""
    workers, caller = contestant.latency(workload.jobs)
    try:
        caller.ready()
        # A worker that has just begun is still busy with itself.
        time.sleep(SETTLED)
        contestant.place.forget_starts()
        caller.go()
        document = caller.document(ENQUEUE_LIMIT)
        starts = contestant.place.read_starts()
    finally:
        caller.stop()
        workers.stop()
    asked, ended = document["asked"], document["ended"]
    if len(starts) != workload.jobs or len(asked) != workload.jobs:
        raise Unequal(f"{contestant.key}: {len(starts)} starts of {len(asked)} jobs, not {workload.jobs}")
    expect(contestant, workload.jobs, 0)
    figures = {"done": workload.jobs}
    for name, moments in (("start", starts), ("end", ended)):
        took = [(moment - call) * 1000 for moment, call in zip(moments, asked, strict=True)] if moments else []
        for share, text in ((0.5, "p50"), (0.99, "p99"), (1, "max")):
            figures[f"{name}_{text}_ms"] = quantile(took, share) if took else None
    return figures


def quantile(values, share):
    """Returns the least value that is no less than a share of all."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


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
)
QUICK = (
    Workload("drain-1", "drain", 500, batch=1, limit=2),
    Workload("drain-100", "drain", 4000, batch=100, limit=2),
    Workload("drain-single", "drain", 500, batch=16, limit=2),
    Workload("enqueue-1", "enqueue", 300),
    Workload("enqueue-1000", "enqueue", 5000, batch=1000),
    Workload("latency", "latency", 30),
)
TINY = (
    Workload("drain-1", "drain", 40, batch=1, limit=5),
    Workload("drain-100", "drain", 200, batch=100, limit=5),
    Workload("drain-single", "drain", 40, batch=16, limit=5),
    Workload("enqueue-1", "enqueue", 20),
    Workload("enqueue-1000", "enqueue", 2000, batch=1000),
    Workload("enqueue-8", "enqueue", 40, callers=8),
    Workload("latency", "latency", 5),
)
