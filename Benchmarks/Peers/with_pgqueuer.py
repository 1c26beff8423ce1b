"""pgqueuer: a connection of its own for each worker, a pool for who enqueues, as its guide to performance says."""

import asyncio

import asyncpg
import uvloop
from part import DATABASE, IS_LOAD, REST, Calls, Jobs, gate, role, started
from pgqueuer import PgQueuer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.queries import Queries


async def connected():
    """Returns a connection of its own."""
    return AsyncpgDriver(await asyncpg.connect(DATABASE))


async def setup():
    """Makes the tables, and has them vacuumed as the guide says."""
    queries = Queries(await connected())
    await queries.install()
    await queries.optimize_autovacuum()


async def enqueue(count, size):
    """Enqueues in calls of a size."""
    async with asyncpg.create_pool(DATABASE, min_size=1) as pool:
        queries, calls = Queries(AsyncpgPoolDriver(pool)), Calls()
        payload = b"load" if IS_LOAD else None
        for _ in range(count // size):
            with calls:
                await queries.enqueue(["noop"] * size, [payload] * size, [0] * size)
        calls.say()


async def work(batch):
    """Works until it is told to end."""
    queuer = PgQueuer(await connected())

    @queuer.entrypoint("noop")
    async def noop(job):
        started(is_load=job.payload is not None)

    asyncio.get_running_loop().add_signal_handler(15, queuer.shutdown.set)
    gate()
    await queuer.run(batch_size=batch)


async def latency(count):
    """Enqueues one job after the other, and waits for the end of each."""
    queries, driver = Queries(await connected()), await connected()
    async with CompletionWatcher(driver, queries=Queries(driver)) as watcher:
        jobs = Jobs()
        for _ in range(count):
            jobs.asked()
            (job,) = await queries.enqueue("noop", None)
            await watcher.wait_for(job)
            jobs.ended()
            await asyncio.sleep(REST)
        jobs.say()


if __name__ == "__main__":
    name, numbers = role()
    uvloop.run({"setup": setup, "enqueue": enqueue, "work": work, "latency": latency}[name](*numbers))
