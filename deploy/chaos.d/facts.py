"""What a run has left, joined: the calls of the history, the runs of commands, and the rows of the database."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Iterator

from cluster import attempts, is_coalescible
from history import Event, History, Run
from tables import Row, Tables

ENQUEUES = {"enqueue", "enqueue --wait", "submit"}
RETRIES = {"retry", "retry --task"}
CANCELS = {"cancel", "cancel --label"}
# Answers that say for sure that nothing was done: usage, unknown, conflict, not permitted.
REFUSED = {3, 4, 64, 77}
# The longest time between two ticks of a run whose machine has time for it.
STANDSTILL = 4.0
# How long workers take to be at work again after a fault: connections time out, are made again, sessions are opened.
RECOVERY = 8.0


@dataclass(slots=True)
class Called:
    """One call: how it began, and how it ended if it did."""

    number: str
    began: Event
    ended: Event | None = None

    @property
    def verb(self) -> str:
        """What was asked for."""
        return str(self.began.details["verb"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The operations that it asked for."""
        return list(self.began.details["requests"])

    @property
    def targets(self) -> list[str]:
        """What it named."""
        return list(self.began.details["targets"])

    @property
    def code(self) -> int | None:
        """Its exit code; nothing if it was killed."""
        if self.ended is None or self.ended.details["killed"]:
            return None
        return int(self.ended.details["code"])

    @property
    def answer(self) -> dict[str, Any]:
        """What it printed."""
        return (self.ended.details["answer"] or {}) if self.ended else {}

    @property
    def acknowledged(self) -> bool:
        """Whether it has promised that its operations exist."""
        # A wait that ends badly has first promised that there is something to wait for.
        return self.code == 0 or (self.code == 1 and bool(self.answer.get("uuid")))


@dataclass(slots=True)
class Delivery:
    """One execution of an operation, with the runs of its tasks in their order."""

    operation: str
    number: int
    runs: list[Run] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The place where it began."""
        return min(run.first for run in self.runs)

    @property
    def last(self) -> int:
        """The place of the last that was heard of it."""
        return max(run.last for run in self.runs)

    @property
    def began(self) -> float:
        """When it began."""
        return min(run.began for run in self.runs)

    @property
    def exits(self) -> list[int | None]:
        """The exit codes of its tasks; none for one that was killed."""
        return [run.exit for run in self.runs]


class Facts:
    """The joined facts of a run."""

    def __init__(
        self,
        history: History,
        tables: Tables,
        answers: dict[str, tuple[int, str]],
        nodes: int,
        lease: float,
        with_clock: bool,
    ) -> None:
        self.history = history
        self.tables = tables
        self.answers = answers
        self.nodes = nodes
        self.lease = lease
        self.with_clock = with_clock
        self.offset = next(
            (float(event.details["offset"]) for event in history.of("note") if "offset" in event.details), 0
        )
        self.calls: dict[str, Called] = {}
        for event in history.of("call"):
            if event.what == "begin":
                self.calls[event.subject] = Called(event.subject, event)
            else:
                self.calls[event.subject].ended = event
        # The operations that callers gave an id of their own, with the calls that asked for them.
        self.requested: dict[str, dict[str, Any]] = {}
        self.asked_by: dict[str, list[Called]] = defaultdict(list)
        for call in self.calls.values():
            for request in call.requests:
                if "id" in request:
                    self.requested[request["id"]] = request
                    self.asked_by[request["id"]].append(call)
        self.rows_of: dict[str, list[str]] = defaultdict(list)
        for row in tables.finished.values():
            self.rows_of[self.caller(row.requester)].append(row.id)
        for identifier, (_, requester) in tables.live.items():
            self.rows_of[self.caller(requester)].append(identifier)
        self.deliveries: dict[str, list[Delivery]] = defaultdict(list)
        for run in sorted(history.runs.values(), key=lambda run: run.first):
            of = self.deliveries[run.operation]
            known = next((delivery for delivery in of if delivery.number == run.delivery), None)
            if known is None:
                of.append(known := Delivery(run.operation, run.delivery))
            known.runs.append(run)
        self.troubles = self._troubles()

    @staticmethod
    def caller(requester: str) -> str:
        """The number of the call that a requester names."""
        return requester.partition("@")[0].removeprefix("c")

    def request_of(self, operation: str) -> dict[str, Any] | None:
        """What was asked for: by id, or by the call that the row names."""
        if operation in self.requested:
            return self.requested[operation]
        row = self.tables.finished.get(operation)
        call = self.calls.get(self.caller(row.requester)) if row else None
        return call.requests[0] if call and len(call.requests) == 1 else None

    def edges(self, row: Row) -> tuple[list[str], list[str]]:
        """What an operation has to follow: as was asked for, or as a retry has taken over."""
        request = self.requested.get(row.id)
        if request is None:
            return row.depends_on, row.runs_after
        must = request.get("depends_on", [])
        return must, [edge for edge in request.get("runs_after", []) if edge not in must]

    def target(self, row: Row) -> tuple[str, str | None, str | None] | None:
        """What only one operation may work on at a time, if it works on such a thing."""
        first = next((task for task in row.tasks if is_coalescible(task)), None)
        return (first, row.network, row.node) if first else None

    def executor(self, row: Row) -> Row | None:
        """The operation that has done its work: itself, or its primary."""
        return self.tables.finished.get(row.folded_into) if row.folded_into else row

    def final(self, row: Row) -> Delivery | None:
        """The delivery with which an operation ended, if anything was heard of it."""
        return next((one for one in self.deliveries.get(row.id, []) if one.number == row.deliveries), None)

    def allowed_attempts(self, row: Row) -> int:
        """How many attempts may fail: as many as its task with the fewest has."""
        return min(attempts(task) for task in row.tasks)

    def _troubles(self) -> list[tuple[float, float, str]]:
        begun: dict[tuple[str, int], Event] = {}
        troubles = []
        for event in self.history.of("fault"):
            key = (event.subject, int(event.details["number"]))
            if event.what == "begin":
                begun[key] = event
            elif key in begun:
                troubles.append((begun[key].at, event.at, event.subject))
        # The run ticks every second. When it does not, its machine had no time for it, nor for others.
        ticks = [event.at for event in self.history.of("note") if event.subject == "tick"]
        for tick, after in zip(ticks, ticks[1:]):
            if after - tick > STANDSTILL:
                troubles.append((tick, after, "stall-machine"))
        return troubles

    def troubled(self, begin: float, end: float, kinds: tuple[str, ...]) -> float:
        """How many seconds of a span faults of some kinds have lasted, with the time that it takes to recover."""
        total = 0.0
        for began, ended, kind in self.troubles:
            if kind.startswith(kinds):
                total += max(0.0, min(end, ended + RECOVERY) - max(begin, began))
        return total

    def ended_rows(self) -> Iterator[Row]:
        """Every operation that has ended."""
        return iter(self.tables.finished.values())
