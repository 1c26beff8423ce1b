"""Feeds the checker a run that kept every promise, and then runs that broke one each, and requires it to object."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Callable, Iterator

from checker import CHECKS, Finding
from facts import Facts
from history import History
from tables import Row, Tables
from verdict import check

# The time of day at the machine's start; the run begins 100 s later.
OFFSET = 1_000_000.0
IDS = {name: f"00000000-0000-4000-8000-{number:012d}" for number, name in enumerate("abcdefghijklmnop")}


class Tale:
    """A run as the checker gets it, told line by line, that a test then falsifies."""

    def __init__(self) -> None:
        self.lines: list[str] = [f"note 100.00 load begin {json.dumps({'offset': OFFSET})}"]
        self.rows: dict[str, Row] = {}
        self.live: dict[str, tuple[str, str]] = {}
        self.leftovers = {"edges": 0}
        self.counters = {("plain", "requested"): 3, ("refresh", "deduplicated"): 1}
        self.adoptions = 1
        self.sessions = 3
        self.connections = 3
        doctor = {"checks": [{"check": "settings", "state": "ok", "findings": []}]}
        self.answers = {
            "doctor -o json": (0, json.dumps(doctor)),
            "status -o json": (0, json.dumps({"lanes": [{"lane": "user_facing", "queued": 0}]})),
        }

    def call(self, number: str, at: float, verb: str, requests: list[dict[str, Any]], targets: list[str]) -> None:
        """A call begins."""
        details = {"verb": verb, "requests": requests, "targets": targets}
        self.lines.append(f"call {at:.2f} {number} begin {json.dumps(details)}")

    def answer(self, number: str, at: float, code: int, answer: Any = None, hung: bool = False) -> None:
        """A call ends."""
        details = {"code": code, "killed": False, "hung": hung, "answer": answer, "error": ""}
        self.lines.append(f"call {at:.2f} {number} end {json.dumps(details)}")

    def run(
        self, at: float, name: str, delivery: int, task: str, what: str, detail: str = "-", attempt: int = 1
    ) -> None:
        """A command says something."""
        self.lines.append(f"run {at:.2f} {IDS[name]} {delivery} {attempt} {task} h1 {what} {detail}")

    def row(
        self, name: str, tasks: list[str], caller: str, started: float | None, finished: float, **more: Any
    ) -> None:
        """An operation that has ended."""
        values: dict[str, Any] = {
            "id": IDS[name], "state": "complete", "tasks": tasks, "queue": "any-user_waiting", "lane": "user_waiting",
            "network": None, "node": None, "requester": f"c{caller}@vm", "depends_on": [], "runs_after": [],
            "deadline": None, "max_attempts": 5, "retry_of": None, "identity": None, "enqueued": OFFSET + 101,
            "ready": OFFSET + 101, "deliveries": 0 if started is None else 1, "failures": 0, "deferrals": 0,
            "folded_into": None, "cancel_requester": None, "started": started and OFFSET + started,
            "finished": OFFSET + finished, "unfolded": None, "worker": "h1", "error": None, "attempts": [],
        }  # fmt: skip
        self.rows[IDS[name]] = Row(**(values | more))

    def facts(self) -> Facts:
        """What the checker gets."""
        tables = Tables(
            self.rows, self.live, self.leftovers, self.counters, self.adoptions, self.sessions, self.connections
        )
        return Facts(History.read(iter(self.lines)), tables, self.answers, 3, 3, False)

    def change(self, name: str, **values: Any) -> None:
        """Falsifies a row."""
        self.rows[IDS[name]] = replace(self.rows[IDS[name]], **values)

    def reword(self, old: str, new: str) -> None:
        """Falsifies the history; objects if it says no such thing, or the test would test nothing."""
        assert any(old in line for line in self.lines), old
        self.lines = [line.replace(old, new) for line in self.lines]

    def exit(self, number: str, old: int, new: int) -> None:
        """Falsifies the exit code of a call."""
        self.reword(f' {number} end {{"code": {old}', f' {number} end {{"code": {new}')

    def drop(self, text: str) -> None:
        """Removes lines of the history."""
        assert any(text in line for line in self.lines), text
        self.lines = [line for line in self.lines if text not in line]

    def move(self, text: str, to: int) -> None:
        """Puts the first line with a text at another place."""
        line = next(line for line in self.lines if text in line)
        self.lines.remove(line)
        self.lines.insert(to, line)


def _request(name: str, *tasks: str, **more: Any) -> dict[str, Any]:
    return {"id": IDS[name], "tasks": list(tasks), "lane": "user_waiting", "count": 1} | more


def _failure(code: str) -> str:
    return json.dumps({"code": code})


def sound() -> Tale:
    """A run that kept every promise and has something for each check to examine."""
    tale = Tale()
    refresh = {"network": "net1", "generation": 1}
    tale.call("1", 101, "enqueue --wait", [_request("a", "plain")], [IDS["a"]])
    tale.run(101.5, "a", 1, "plain", "begin")
    tale.run(101.6, "a", 1, "plain", "beat")
    tale.run(101.7, "a", 1, "plain", "end", "0")
    tale.row("a", ["plain"], "1", 101.5, 101.8)
    tale.answer("1", 102, 0, {"uuid": IDS["a"], "state": "complete"})
    # A graph: b fails twice and is retried as d by one of two callers; c depends on it.
    tale.call("2", 102, "submit", [_request("b", "doomed"), _request("c", "plain", depends_on=[IDS["b"]])], [])
    tale.answer("2", 102.1, 0, {"items": 2})
    for delivery in (1, 2):
        tale.run(102 + delivery, "b", delivery, "doomed", "begin", attempt=delivery)
        tale.run(102.1 + delivery, "b", delivery, "doomed", "end", "1", attempt=delivery)
    tale.row("b", ["doomed"], "2", 104, 104.2, state="error", error=_failure("command_failed"), deliveries=2,
             failures=2, max_attempts=2, attempts=[{"outcome": "failed"}])  # fmt: skip
    tale.row("c", ["plain"], "2", None, 104.2, state="aborted", error=_failure("dependency_failed"),
             depends_on=[IDS["b"]])  # fmt: skip
    for number in ("3", "4"):
        tale.call(number, 105, "retry", [], [IDS["b"]])
    tale.answer("3", 105.1, 0, {"uuid": IDS["d"]})
    tale.answer("4", 105.1, 4)
    tale.run(106, "d", 1, "doomed", "begin")
    tale.run(106.1, "d", 1, "doomed", "end", "1")
    tale.run(107, "d", 2, "doomed", "begin", attempt=2)
    tale.run(107.1, "d", 2, "doomed", "end", "1", attempt=2)
    tale.row("d", ["doomed"], "3", 107, 107.2, state="error", error=_failure("command_failed"), deliveries=2,
             failures=2, max_attempts=2, attempts=[{"outcome": "failed"}], retry_of=IDS["b"])  # fmt: skip
    # e and f are folded, and a third request adopts e; g is of the same target later.
    tale.call("5", 108, "enqueue", [{"tasks": ["refresh"], "lane": "user_waiting", "count": 1} | refresh], [])
    tale.answer("5", 108.1, 0, {"uuid": IDS["e"], "deduplicated": False})
    tale.call("6", 108.2, "enqueue", [_request("f", "refresh", **refresh)], [])
    tale.answer("6", 108.3, 0, {"uuid": IDS["f"], "deduplicated": False})
    tale.call("7", 108.3, "enqueue", [{"tasks": ["refresh"], "lane": "user_waiting", "count": 1} | refresh], [])
    tale.answer("7", 108.4, 0, {"uuid": IDS["e"], "deduplicated": True})
    for name, at in (("e", 109.0), ("g", 111.0)):
        tale.run(at, name, 1, "refresh", "begin")
        tale.run(at, name, 1, "refresh", "read", "1")
        tale.run(at + 0.1, name, 1, "refresh", "end", "0")
    for name, caller, at in (("e", "5", 109.0), ("g", "8", 111.0)):
        times = {"enqueued": OFFSET + at - 1, "ready": OFFSET + at - 1}
        tale.row(name, ["refresh"], caller, at, at + 0.2, network="net1", identity="refresh net1", **times)
    tale.row("f", ["refresh"], "6", None, 109.2, network="net1", identity="refresh net1", folded_into=IDS["e"])
    tale.call("8", 110, "enqueue", [_request("g", "refresh", **refresh)], [])
    tale.answer("8", 110.1, 0, {"uuid": IDS["g"], "deduplicated": False})
    # h depends on g, has two tasks, and its first worker is killed; i is cancelled while it waits; j is not answered.
    tale.call("9", 112, "enqueue", [_request("h", "plain", "beat", depends_on=[IDS["g"]])], [])
    tale.answer("9", 112.1, 0, {"uuid": IDS["h"]})
    tale.run(112.5, "h", 1, "plain", "begin")
    tale.run(117, "h", 2, "plain", "begin")
    tale.run(117.1, "h", 2, "plain", "end", "0")
    tale.run(117.2, "h", 2, "beat", "begin")
    tale.run(117.3, "h", 2, "beat", "end", "0")
    tale.row("h", ["plain", "beat"], "9", 117, 117.4, deliveries=2, attempts=[{"outcome": "reaped"}], max_attempts=4,
             depends_on=[IDS["g"]])  # fmt: skip
    tale.call("10", 118, "enqueue", [_request("i", "plain", delay=60)], [])
    tale.answer("10", 118.1, 0, {"uuid": IDS["i"]})
    tale.call("11", 119, "cancel", [], [IDS["i"]])
    tale.answer("11", 119.1, 0, {"uuid": IDS["i"], "state": "cancelled", "aborted": []})
    tale.row("i", ["plain"], "10", None, 119, state="cancelled", error=_failure("cancelled"), cancel_requester="c11@vm")
    tale.call("12", 120, "enqueue", [_request("j", "plain", deadline=5, delay=1)], [])
    tale.answer("12", 120.1, 5)
    tale.run(122, "j", 1, "plain", "begin")
    tale.run(122.1, "j", 1, "plain", "end", "0")
    tale.row("j", ["plain"], "12", 122, 122.2, deadline=OFFSET + 125, enqueued=OFFSET + 120, ready=OFFSET + 121)
    # A pause that ends before anything starts, a drained node, a count.
    tale.call("13", 123, "pause", [], ["any-*"])
    tale.answer("13", 123.1, 0)
    tale.lines += [f"note {at}.00 tick end {{}}" for at in range(124, 130)]
    tale.call("14", 130, "resume", [], ["any-*"])
    tale.answer("14", 130.1, 0)
    tale.call("15", 138, "enqueue", [{"tasks": ["plain"], "lane": "user_waiting", "count": 2}], [])
    tale.answer("15", 139.1, 0, {"count": 2, "first_uuid": IDS["k"]})
    for name, at, ready in (("k", 140.0, 139.0), ("l", 141.0, 138.9)):
        tale.run(at, name, 1, "plain", "begin")
        tale.run(at + 0.1, name, 1, "plain", "end", "0")
        tale.row(name, ["plain"], "15", at, at + 0.2, enqueued=OFFSET + ready, ready=OFFSET + ready)
    return tale


def _overtaken(tale: Tale) -> None:
    # k starts a minute after it was ready; l came later and matters less, and started long before it.
    tale.change("k", started=OFFSET + 250, finished=OFFSET + 251, ready=OFFSET + 140, enqueued=OFFSET + 140)
    tale.change("l", lane="background", queue="any-background", started=OFFSET + 200, ready=OFFSET + 190)


def _overtaken_by_younger(tale: Tale) -> None:
    _overtaken(tale)
    tale.change("l", lane="user_waiting", queue="any-user_waiting")


def _hangs(tale: Tale) -> None:
    tale.drop("12 end")
    tale.answer("12", 300, -9, hung=True)


def _drained(tale: Tale) -> None:
    tale.reword('"verb": "pause"', '"verb": "drain"')
    tale.reword('"verb": "resume"', '"verb": "undrain"')
    tale.reword('"any-*"', '"h1"')
    tale.change("k", started=OFFSET + 128)


def _finding(tale: Tale) -> None:
    check = {"check": "dependencies", "state": "findings", "findings": [{"message": "waits for nothing"}]}
    tale.answers["doctor -o json"] = (1, json.dumps({"checks": [check]}))


def _miscounted(tale: Tale) -> None:
    tale.answers["status -o json"] = (0, json.dumps({"lanes": [{"lane": "user_facing", "queued": 1}]}))


FALSIFIED: list[tuple[str, str, Callable[[Tale], Any]]] = [
    ("acknowledged", "a row is lost", lambda tale: tale.rows.pop(IDS["a"])),
    ("acknowledged", "one of a count is lost", lambda tale: tale.rows.pop(IDS["l"])),
    ("acknowledged", "the adopted one is lost", lambda tale: tale.rows.pop(IDS["e"])),
    ("acknowledged", "a retry is lost", lambda tale: tale.rows.pop(IDS["d"])),
    ("invented", "a row is nobody's", lambda tale: tale.change("a", requester="root@vm")),
    ("invented", "a request is done twice under another id", lambda tale: tale.row("p", ["plain"], "12", 140, 141)),
    ("invented", "a count has one too many", lambda tale: tale.row("p", ["plain"], "15", 140, 141)),
    ("invented", "an adopted request has a row too", lambda tale: tale.row("p", ["refresh"], "7", 140, 141)),
    ("invented", "a row exists that was refused", lambda tale: tale.exit("12", 5, 4)),
    ("invented", "another task was run", lambda tale: tale.change("a", tasks=["beat"])),
    ("invented", "in another lane", lambda tale: tale.change("a", lane="background")),
    ("invented", "on another network", lambda tale: tale.change("g", network="net2")),
    ("whole", "half a graph", lambda tale: tale.rows.pop(IDS["c"])),
    ("ended", "one is stuck", lambda tale: tale.live.update({IDS["p"]: ("blocked", "c1@vm")})),
    ("ended", "one has ended and is live", lambda tale: tale.live.update({IDS["a"]: ("queued", "c1@vm")})),
    ("attempts", "a failure is not counted", lambda tale: tale.change("b", failures=1)),
    ("attempts", "one attempt too many", lambda tale: tale.change("b", failures=3)),
    ("attempts", "attempts go backwards", lambda tale: tale.reword("2 2 doomed", "2 0 doomed")),
    ("attempts", "the third attempt of two", lambda tale: tale.reword("2 2 doomed", "2 3 doomed")),
    ("attempts", "a success counted as a failure", lambda tale: tale.change("a", failures=1)),
    ("outcomes", "complete and never run", lambda tale: tale.drop(f"{IDS['a']} 1")),
    ("outcomes", "complete by a failure", lambda tale: tale.reword("plain h1 end 0", "plain h1 end 1")),
    ("outcomes", "complete without its second task", lambda tale: tale.drop(" beat h1 ")),
    ("outcomes", "a failure that succeeded", lambda tale: tale.reword("doomed h1 end 1", "doomed h1 end 0")),
    ("outcomes", "what always fails is complete", lambda tale: tale.change("b", state="complete", error=None)),
    ("outcomes", "an unknown end", lambda tale: tale.change("b", error=_failure("oops"))),
    ("outcomes", "aborted after a start", lambda tale: tale.change("c", deliveries=1)),
    ("followers", "another fate", lambda tale: tale.change("f", state="error", error=_failure("command_failed"))),
    ("followers", "another target", lambda tale: tale.change("f", node="h2")),
    ("followers", "another task", lambda tale: tale.change("f", tasks=["mark"])),
    ("followers", "a primary that has not ended", lambda tale: tale.change("f", folded_into=IDS["p"])),
    ("followers", "a chain", lambda tale: tale.change("e", folded_into=IDS["g"])),
    ("followers", "ended after its primary", lambda tale: tale.change("f", finished=OFFSET + 300)),
    ("followers", "it has run", lambda tale: tale.run(150, "f", 1, "refresh", "begin")),
    ("retries", "two retries", lambda tale: tale.row("p", ["doomed"], "4", 108, 109, retry_of=IDS["b"])),
    ("retries", "both callers were promised", lambda tale: tale.exit("4", 4, 0)),
    ("retries", "of a completed one", lambda tale: tale.change("d", retry_of=IDS["a"])),
    ("retries", "other work", lambda tale: tale.change("d", tasks=["once"])),
    ("cancelled", "by nobody", lambda tale: tale.change("i", cancel_requester=None)),
    ("cancelled", "it completed all the same", lambda tale: tale.change("i", state="complete", error=None)),
    ("cancels", "it begins afterwards", lambda tale: tale.run(140, "i", 1, "plain", "begin")),
    ("answers", "an end that is not so", lambda tale: tale.change("a", state="error", error=_failure("timed_out"))),
    ("answers", "told before the end", lambda tale: tale.move("call 102.00 1 end", 3)),
    ("answers", "success by exit 1", lambda tale: tale.exit("1", 0, 1)),
    ("answers", "a crash", lambda tale: tale.exit("12", 5, -6)),
    ("answers", "a call hangs", _hangs),
    ("leftovers", "edges", lambda tale: tale.leftovers.update(edges=1)),
    ("leftovers", "a session of the dead", lambda tale: setattr(tale, "sessions", 4)),
    ("leftovers", "connections", lambda tale: setattr(tale, "connections", 40)),
    ("leftovers", "a torn line", lambda tale: tale.lines.append("run 1 x")),
    ("counters", "an invented request", lambda tale: tale.counters.update({("plain", "requested"): 99})),
    ("counters", "an invented execution", lambda tale: tale.counters.update({("plain", "executed"): 99})),
    ("counters", "an invented adoption", lambda tale: setattr(tale, "adoptions", 9)),
    ("doctor", "a finding", _finding),
    ("doctor", "no answer", lambda tale: tale.answers.update({"doctor -o json": (5, "unreachable")})),
    ("doctor", "status counts what is not there", _miscounted),
    ("once", "a delivery begins twice", lambda tale: tale.run(101.65, "a", 1, "plain", "begin")),
    ("once", "a beat after the end", lambda tale: tale.run(140, "a", 1, "plain", "beat")),
    ("once", "its tasks at once", lambda tale: tale.move("2 1 beat h1 begin", 40)),
    ("no overlap of an operation", "the first delivery goes on", lambda tale: tale.run(130, "h", 1, "plain", "beat")),
    ("no overlap of a target", "two refresh the same", lambda tale: tale.run(115, "e", 1, "refresh", "beat")),
    ("absorbing", "a run after the end", lambda tale: tale.run(140, "a", 2, "plain", "begin")),
    ("absorbing", "a run of nothing", lambda tale: tale.run(140, "p", 1, "plain", "begin")),
    ("absorbing", "an old delivery after a new one", lambda tale: tale.run(140, "h", 0, "plain", "begin")),
    ("order", "begun before its dependency", lambda tale: tale.move(f"{IDS['h']} 1", 2)),
    ("order", "run in spite of a failure", lambda tale: tale.run(140, "c", 1, "plain", "begin")),
    ("order", "complete in spite of a failure", lambda tale: tale.change("c", state="complete", error=None)),
    ("order", "aborted for nothing", lambda tale: tale.change("h", state="aborted", error=_failure("aborted"))),
    ("order", "its dependency is gone", lambda tale: tale.rows.pop(IDS["g"])),
    ("generations", "an older state was read", lambda tale: tale.reword("refresh h1 read 1", "refresh h1 read 0")),
    ("generations", "nothing was read for an adopted one", lambda tale: tale.drop(f"{IDS['e']} 1")),
    ("deadlines", "started after it", lambda tale: tale.change("j", started=OFFSET + 200)),
    ("deadlines", "failed before it", lambda tale: tale.change("j", state="error", error=_failure("deadline_passed"))),
    ("deadlines", "lost", lambda tale: tale.change("j", deadline=None)),
    ("deadlines", "another one", lambda tale: tale.change("j", deadline=OFFSET + 999)),
    ("delays", "started at once", lambda tale: tale.reword("run 122.00", "run 120.20")),
    ("pauses", "started in a paused queue", lambda tale: tale.change("k", started=OFFSET + 128)),
    ("pauses", "started on a draining node", _drained),
    ("lanes", "overtaken by what matters less", _overtaken),
    ("lanes", "overtaken by what is younger", _overtaken_by_younger),
    ("liveness", "nobody takes it", lambda tale: tale.change("k", started=OFFSET + 190)),
]  # fmt: skip


def _objecting(tale: Tale) -> Iterator[Finding]:
    return (finding for finding in check(tale.facts()) if finding.objections)


def run() -> int:
    """Runs the self-test; 0 if the checker objects where it has to, and only there."""
    failures = [f"a sound run: {finding.name}: {finding.texts}" for finding in _objecting(sound())]
    failures += [
        f"a sound run gives the check '{finding.name}' nothing to examine"
        for finding in check(sound().facts()) if not finding.examined
    ]  # fmt: skip
    tested = set()
    for name, what, falsify in FALSIFIED:
        tale = sound()
        falsify(tale)
        tested.add(name)
        if name not in {finding.name for finding in _objecting(tale)}:
            failures.append(f"{name}: does not object to '{what}'")
    failures += [f"{name}: no falsified run for it" for name, _, _ in CHECKS if name not in tested]
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"chaos: {len(FALSIFIED)} falsified runs, {len(tested)} checks: {len(failures)} failures")
    return 1 if failures else 0
