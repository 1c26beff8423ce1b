"""What the database has at the end of a run, read once, by SQL of the checker's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from server import Database

COLUMNS = (
    "id", "state", "tasks", "queue_name", "lane", "network_name", "node_name", "requester", "depends_on", "runs_after",
    "UNIX_TIMESTAMP(deadline)", "max_attempts", "retry_of", "coalesce_key", "UNIX_TIMESTAMP(enqueued_at)",
    "UNIX_TIMESTAMP(ready_at)", "deliveries", "failures", "defer_count", "folded_into", "cancel_requester",
    "UNIX_TIMESTAMP(started_at)", "UNIX_TIMESTAMP(finished_at)", "UNIX_TIMESTAMP(unfolded_at)", "worker_node", "error",
    "attempt_history",
)  # fmt: skip

# What nothing may be left of when all has ended, and the statement that counts it.
LEFTOVERS = {
    "edges": "SELECT COUNT(*) FROM operation_dependencies",
    "cascades": "SELECT COUNT(*) FROM cascades",
    # Those of callers that were killed expire, and are removed then.
    "old waiters": "SELECT COUNT(*) FROM operation_waiters WHERE expires_at < NOW(6) - INTERVAL 1 MINUTE",
    "pauses": "SELECT COUNT(*) FROM queue_pauses",
    "draining nodes": "SELECT COUNT(*) FROM nodes WHERE drained_at IS NOT NULL",
    "labels of nothing": "SELECT COUNT(*) FROM operation_labels l WHERE NOT EXISTS"
    " (SELECT 1 FROM finished_operations f WHERE f.id = l.operation)",
    "outputs of nothing": "SELECT COUNT(*) FROM attempt_outputs o WHERE NOT EXISTS"
    " (SELECT 1 FROM finished_operations f WHERE f.id = o.operation)",
    "retries of nothing": "SELECT COUNT(*) FROM retries r WHERE NOT EXISTS"
    " (SELECT 1 FROM finished_operations f WHERE f.id = r.retried_as)",
}


@dataclass(slots=True)
class Row:
    """An operation that has ended."""

    id: str
    state: str
    tasks: list[str]
    queue: str
    lane: str
    network: str | None
    node: str | None
    requester: str
    depends_on: list[str]
    runs_after: list[str]
    deadline: float | None
    max_attempts: int
    retry_of: str | None
    identity: str | None
    enqueued: float
    ready: float
    deliveries: int
    failures: int
    deferrals: int
    folded_into: str | None
    cancel_requester: str | None
    started: float | None
    finished: float
    unfolded: float | None
    worker: str | None
    error: str | None
    attempts: list[dict[str, Any]]

    @property
    def error_code(self) -> str | None:
        """The code with which it ended."""
        return json.loads(self.error).get("code") if self.error else None


@dataclass
class Tables:
    """All that the checker knows of the database."""

    finished: dict[str, Row]
    live: dict[str, tuple[str, str]] = field(default_factory=dict)
    leftovers: dict[str, int] = field(default_factory=dict)
    # By task and outcome.
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    adoptions: int = 0
    sessions: int = 0
    connections: int = 0


def read(database: Database, schema: str = "clusterops") -> Tables:
    """Reads the tables."""

    def ask(sql: str) -> list[list[str]]:
        # A member may be behind another one.
        return database.ask(f"USE {schema}; SET time_zone = '+00:00', wsrep_sync_wait = 1; {sql}") or []

    rows = [_row(cells) for cells in ask(f"SELECT {', '.join(COLUMNS)} FROM finished_operations")]
    sums = "SELECT COUNT(*), SUM(CRC32(CONCAT(id, state, deliveries, failures))) FROM finished_operations"
    copies = {str(member.ask(f"USE {schema}; SET wsrep_sync_wait = 1; {sums}")) for member in database.members}
    return Tables(
        finished={row.id: row for row in rows},
        live={cells[0]: (cells[1], cells[2]) for cells in ask("SELECT id, state, requester FROM work_queue")},
        leftovers={name: int(ask(sql)[0][0]) for name, sql in LEFTOVERS.items()}
        | {"members that disagree": len(copies) - 1},
        counters={
            (task, outcome): int(count)
            for task, outcome, count in ask(
                "SELECT task, outcome, SUM(count) FROM coalescing_counters GROUP BY task, outcome"
            )
        },
        adoptions=int(ask("SELECT COUNT(*) FROM adoptions")[0][0]),
        sessions=int(ask("SELECT COUNT(*) FROM sessions WHERE dead = FALSE")[0][0]),
        connections=int(ask("SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'clusterops%'")[0][0]),
    )


def _row(cells: list[str]) -> Row:
    texts = [None if cell == "NULL" else cell for cell in cells]

    def text(place: int) -> str:
        return texts[place] or ""

    def items(place: int) -> list[Any]:
        values: list[Any] = json.loads(text(place) or "[]")
        return values

    def moment(place: int) -> float | None:
        return float(text(place)) if texts[place] else None

    return Row(
        text(0), text(1), items(2), text(3), text(4), texts[5], texts[6], text(7), items(8), items(9), moment(10),
        int(text(11)), texts[12], texts[13], float(text(14)), float(text(15)), int(text(16)), int(text(17)),
        int(text(18)), texts[19], texts[20], moment(21), float(text(22)), moment(23), texts[24], texts[25], items(26),
    )  # fmt: skip
