"""DBOS: a workflow without steps on a queue, enqueued by its client, so that who enqueues runs nothing."""

import signal
import time

import sqlalchemy
from dbos import DBOS, DBOSClient
from part import DATABASE, REST, Calls, Jobs, gate, role, started

POLL = 0.01  # seconds between looks of a worker at its queue; the default is a second
OPTIONS = {"queue_name": "bench", "workflow_name": "noop"}


def launch(concurrency, place):
    """Starts DBOS in this process."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": DATABASE,
            "executor_id": f"worker-{place}",
            "application_version": "1",
            "log_level": "ERROR",
        }
    )

    @DBOS.workflow(name="noop")
    def noop():
        started()

    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=concurrency, polling_interval_sec=POLL)


def setup():
    """Makes the tables."""
    launch(1, 0)
    DBOS.destroy()


def client():
    """Returns a client."""
    return DBOSClient(system_database_url=DATABASE)


def enqueue(count, size):
    """Enqueues in calls of a size."""
    caller = client()
    calls = Calls()
    engine = sqlalchemy.create_engine(DATABASE.replace("postgresql:", "postgresql+psycopg:"))
    for _ in range(count // size):
        with calls:
            if size == 1:
                caller.enqueue(OPTIONS)
                continue
            with engine.begin() as transaction:
                for _ in range(size):
                    caller.enqueue_in_transaction(transaction, OPTIONS)
    calls.say()


def work(concurrency, place):
    """Works until it is told to end."""
    gate()
    launch(concurrency, place)
    signal.sigwait([signal.SIGTERM])
    DBOS.destroy()


def latency(count):
    """Enqueues one job after the other, and waits for the result of each."""
    caller = client()
    jobs = Jobs()
    for _ in range(count):
        jobs.asked()
        caller.enqueue(OPTIONS).get_result(polling_interval_sec=REST)
        jobs.ended()
        time.sleep(REST)
    jobs.say()


if __name__ == "__main__":
    name, numbers = role()
    {"setup": setup, "enqueue": enqueue, "work": work, "latency": latency}[name](*numbers)
