"""Chancy: jobs in the event loop of the worker, which is the executor for what waits for others."""

import asyncio
import logging

from chancy import Chancy, Queue, Worker, job
from chancy.app import setup_default_logger
from part import DATABASE, REST, Calls, Jobs, gate, role, started

POLL = 1  # seconds, the default; a push wakes the worker earlier


@job(queue="bench")
async def noop():
    started()


def connected():
    """Returns a connection that logs no line a job."""
    return Chancy(DATABASE, log=setup_default_logger(logging.WARNING))


async def setup():
    """Makes the tables."""
    async with connected() as chancy:
        await chancy.migrate()


async def enqueue(count, size):
    """Enqueues in calls of a size."""
    async with connected() as chancy:
        calls = Calls()
        for _ in range(count // size):
            with calls:
                if size == 1:
                    await chancy.push(noop)
                else:
                    async for _ in chancy.push_many([noop] * size, batch_size=size):
                        pass
        calls.say()


async def work(concurrency):
    """Works until it is told to end."""
    async with connected() as chancy:
        queue = Queue("bench", concurrency=concurrency, executor=Chancy.Executor.Async, polling_interval=POLL)
        await chancy.declare(queue, upsert=True)
        gate()
        async with Worker(chancy) as worker:
            await worker.wait_for_shutdown()


async def latency(count):
    """Enqueues one job after the other, and waits for the end of each."""
    async with connected() as chancy:
        jobs = Jobs()
        for _ in range(count):
            jobs.asked()
            reference = await chancy.push(noop)
            await chancy.wait_for_job(reference, interval=REST)
            jobs.ended()
            await asyncio.sleep(REST)
        jobs.say()


if __name__ == "__main__":
    name, numbers = role()
    asyncio.run({"setup": setup, "enqueue": enqueue, "work": work, "latency": latency}[name](*numbers))
