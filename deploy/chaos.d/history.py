"""The history of a run: one file that every process appends to, a line an event, so that its order is total."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator


def now() -> float:
    """The time since the machine's start, which is what /proc/uptime says to the commands."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Writer:
    """Appends lines, each by one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def say(self, kind: str, subject: str, what: str, **details: Any) -> None:
        """Adds an event with its details as JSON."""
        text = json.dumps(details, separators=(",", ":"))
        os.write(self._file, f"{kind} {now():.2f} {subject} {what} {text}\n".encode())


@dataclass(slots=True)
class Event:
    """A line of a caller, a fault or the proxy."""

    place: int
    at: float
    kind: str
    subject: str
    what: str
    details: dict[str, Any]


@dataclass(slots=True)
class Run:
    """What a task of one delivery has said; `first` and `last` are places in the history."""

    operation: str
    delivery: int
    task: str
    attempt: int
    node: str
    first: int
    began: float
    last: int = 0
    begins: int = 0
    generation: int | None = None
    ended: int | None = None
    exit: int | None = None


@dataclass
class History:
    """A run's history, taken apart."""

    runs: dict[tuple[str, int, str], Run] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    torn: int = 0

    @classmethod
    def read(cls, lines: Iterator[str]) -> History:
        """Reads the lines in their order; a place is a line's number."""
        history = cls()
        for place, line in enumerate(lines):
            if line.startswith("run "):
                history._add_run(place, line.split())
            else:
                words = line.split(" ", 4)
                if len(words) == 5:
                    history.events.append(
                        Event(place, float(words[1]), words[0], words[2], words[3], json.loads(words[4]))
                    )
                else:
                    history.torn += 1
        return history

    def _add_run(self, place: int, words: list[str]) -> None:
        if len(words) != 9:
            self.torn += 1
            return
        _, at, operation, delivery, attempt, task, node, what, detail = words
        key = (operation, int(delivery), task)
        run = self.runs.get(key)
        if run is None:
            run = Run(operation, int(delivery), task, int(attempt), node, place, float(at))
            self.runs[key] = run
        run.last = place
        if what == "begin":
            run.begins += 1
        elif what == "read":
            run.generation = int(detail)
        elif what == "end":
            run.ended, run.exit = place, int(detail)

    def of(self, kind: str) -> Iterator[Event]:
        """The events of one kind, in order."""
        return (event for event in self.events if event.kind == kind)
