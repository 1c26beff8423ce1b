"""procrastinate: LISTEN for new jobs, and as many at once as it is told; each is fetched by a statement of its own."""

import asyncio

from part import DATABASE, IS_LOAD, REST, Calls, Jobs, gate, role, started
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status

app = App(connector=PsycopgConnector(conninfo=DATABASE))


@app.task(queue="bench")
async def noop(is_load=False):
    started(is_load)


async def setup():
    """Makes the tables."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def enqueue(count, size):
    """Enqueues in calls of a size."""
    async with app.open_async():
        calls, arguments = Calls(), {"is_load": True} if IS_LOAD else {}
        for _ in range(count // size):
            with calls:
                if size == 1:
                    await noop.defer_async(**arguments)
                else:
                    await noop.batch_defer_async(*[arguments] * size)
        calls.say()


async def work(concurrency):
    """Works until it is told to end."""
    async with app.open_async():
        gate()
        await app.run_worker_async(queues=["bench"], concurrency=concurrency)


async def latency(count):
    """Enqueues one job after the other; nothing tells a caller of the end."""
    async with app.open_async():
        jobs = Jobs()
        for _ in range(count):
            jobs.asked()
            job = await noop.defer_async()
            while await app.job_manager.get_job_status_async(job) != Status.SUCCEEDED:
                await asyncio.sleep(REST)
            await asyncio.sleep(REST)
        jobs.say()


if __name__ == "__main__":
    name, numbers = role()
    asyncio.run({"setup": setup, "enqueue": enqueue, "work": work, "latency": latency}[name](*numbers))
