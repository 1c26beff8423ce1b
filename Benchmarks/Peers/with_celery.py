"""Celery on MariaDB: the SQLAlchemy transport for messages, and its database backend for results, which are history."""

import time

from celery import Celery
from part import DATABASE, REST, Calls, Jobs, gate, role, started

PREFETCH = 64  # what its guide to optimizing names for short tasks

URL = f"mysql://root@/bench?unix_socket={DATABASE}"
app = Celery("bench", broker=f"sqla+{URL}", backend=f"db+{URL}")
app.conf.update(
    worker_prefetch_multiplier=PREFETCH, task_ignore_result=False,
    worker_redirect_stdouts=False, worker_send_task_events=False, broker_connection_retry_on_startup=True,
)  # fmt: skip


@app.task(name="noop")
def noop():
    started()


def setup():
    """Makes the tables, by a message that is taken back."""
    app.backend.session_manager.prepare_models(app.backend.session_manager.get_engine(app.backend.url))
    noop.apply_async()
    app.control.purge()


def enqueue(count, _):
    """Enqueues one by one: there is no call for many."""
    with app.producer_or_acquire() as producer:
        calls = Calls()
        for _ in range(count):
            with calls:
                noop.apply_async(producer=producer)
        calls.say()


def work(_, place):
    """Works until it is told to end."""
    gate()
    app.worker_main(
        ["worker", "--pool=prefork", "--concurrency=1", f"--hostname=worker-{place}", "--loglevel=ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"])  # fmt: skip


def latency(count):
    """Enqueues one job after the other, and waits for the result of each."""
    jobs = Jobs()
    for _ in range(count):
        jobs.asked()
        noop.apply_async().get(interval=REST)
        jobs.ended()
        time.sleep(REST)
    jobs.say()


if __name__ == "__main__":
    name, numbers = role()
    {"setup": setup, "enqueue": enqueue, "work": work, "latency": latency}[name](*numbers)
