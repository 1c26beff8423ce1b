"""Bugs that are put into a run by hand, in the database behind the product's back; each has to be found.

The self-test shows that the checker objects to a run that is told falsely. This shows that it does so when a real run
goes wrong: that the load has what it takes to see it, and that nothing on the way to the checker hides it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from server import Database

_COPY = """
SET @columns = (SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = 'clusterops'
    AND table_name = 'work_queue' AND column_name <> 'id' AND extra NOT LIKE '%GENERATED%');
EXECUTE IMMEDIATE CONCAT('INSERT INTO work_queue (id, ', @columns, ') SELECT UUID(), ', @columns,
    ' FROM work_queue WHERE state = ''queued'' AND exclusive_key IS NULL AND lookup_key IS NULL LIMIT 1')
"""


@dataclass(frozen=True)
class Sabotage:
    """A bug: the statement that has its effect, and the check that has to object."""

    sql: str
    check: str


SABOTAGES = {
    "lose": Sabotage("DELETE FROM work_queue WHERE state = 'queued' LIMIT 1", "acknowledged"),
    "invent": Sabotage(_COPY, "invented"),
    "reap-the-living": Sabotage(
        "UPDATE work_queue SET state = 'queued', session = NULL"
        " WHERE state = 'executing' AND first_task = 'slow' LIMIT 1",
        "no overlap of an operation",
    ),
    "release-early": Sabotage(
        "BEGIN; DELETE FROM operation_dependencies; UPDATE work_queue SET state = 'queued', unmet = 0"
        " WHERE state = 'blocked'; COMMIT",
        "order",
    ),
    "forget-failures": Sabotage("UPDATE work_queue SET failures = 0 WHERE failures > 0", "attempts"),
    "end-pauses": Sabotage("DELETE FROM queue_pauses", "pauses"),
    "move-deadlines": Sabotage("UPDATE work_queue SET deadline = deadline + INTERVAL 1 HOUR", "deadlines"),
    "leave-edges": Sabotage("INSERT INTO operation_dependencies VALUES (UUID(), UUID(), TRUE)", "leftovers"),
    "hold-back": Sabotage(
        "UPDATE work_queue SET ready_at = NOW(6) + INTERVAL 1 HOUR, ready_set_at = NOW(6)"
        " WHERE state = 'queued' AND deadline IS NULL LIMIT 1",
        "ended",
    ),
    "count-more": Sabotage("UPDATE coalescing_counters SET count = count + 1000", "counters"),
}


class Saboteur:
    """Executes a sabotage's statement again and again while the load lasts."""

    def __init__(self, database: Database, sabotage: Sabotage) -> None:
        self._database = database
        self._sql = f"USE clusterops; {sabotage.sql}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Saboteur:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.3):
            # It may lose a deadlock against the product, and comes again.
            self._database.ask(self._sql, check=False)
