"""Checks that need a clock; each leaves room for what faults cost, and looks at nothing if the clock was stepped."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import Iterator

from checker import Facts, Finding, promise
from calls import LANES
from tables import Row

# A deadline is looked at by the next pass of a reaper, a pause by the next claim, both of which may be on their way.
SLACK = 2.0
# How long an operation of the best lane may wait while workers are at work and nothing fails.
LIVENESS_BOUND = 30.0
# Two operations may be claimed in either order within this: claims take batches, and skip what is locked for a moment.
ORDER_BOUND = 15.0
# Faults that stop every worker; those of one worker leave the others at work.
STOPS_ALL = ("kill-server", "restart-server", "hang", "isolate", "read", "connection-limit", "stall", "cut")
# Faults that may hold up a claim that has read its candidates, or keep rows from being claimed.
HOLDS_CLAIMS = (*STOPS_ALL, "pause", "lock", "share")


@promise("deadlines", "nothing starts after its deadline, or fails of it before")
def deadlines(facts: Facts, finding: Finding) -> None:
    """An operation past its deadline is ended by a reaper, and not begun."""
    if facts.with_clock:
        return
    for row in facts.ended_rows():
        request = facts.requested.get(row.id)
        if request and "deadline" in request:
            finding.expect(row.deadline is not None, f"{row.id} has lost its deadline")
            if row.deadline is not None:
                asked = row.deadline - row.enqueued - request["deadline"]
                finding.expect(abs(asked) < 0.1, f"{row.id}: its deadline is {asked:.3f} s off")
        if row.deadline is None:
            finding.expect(row.error_code != "deadline_passed", f"{row.id} has no deadline, and passed it")
            continue
        if row.error_code == "deadline_passed":
            finding.expect(row.finished >= row.deadline, f"{row.id} ended {row.deadline - row.finished:.3f} s early")
        if row.started is not None and row.started > row.deadline + SLACK:
            late = row.started - row.deadline
            trouble = facts.troubled(row.deadline - facts.offset, row.started - facts.offset, HOLDS_CLAIMS)
            finding.expect(late <= SLACK + trouble, f"{row.id} started {late:.1f} s after its deadline")
        else:
            finding.examined += 1


@promise("delays", "nothing starts before its delay is over")
def delays(facts: Facts, finding: Finding) -> None:
    """A requested delay is kept by the first start."""
    if facts.with_clock:
        return
    for row in facts.ended_rows():
        request = facts.requested.get(row.id)
        if request and "delay" in request and (runs := facts.deliveries.get(row.id)):
            waited = min(one.began for one in runs) + facts.offset - row.enqueued
            # The clock of the commands has hundredths of a second.
            finding.expect(waited >= request["delay"] - 0.02, f"{row.id} started after {waited:.2f} s")


def _starts(row: Row) -> Iterator[tuple[str, float]]:
    """Where and when a row was started, with the hand-overs of its history."""
    if row.started is not None and row.worker is not None and row.folded_into is None:
        yield row.worker, row.started


@promise("pauses", "nothing starts in a paused queue or on a draining node")
def pauses(facts: Facts, finding: Finding) -> None:
    """From the answer of a pause to the call that could end it, only what was being claimed begins."""
    if facts.with_clock:
        return
    windows: list[tuple[str, str, float, float]] = []
    open_until: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for event in facts.history.of("call"):
        call = facts.calls[event.subject]
        if event.what == "end" and call.verb in ("pause", "drain") and call.code == 0:
            open_until[call.verb].append((call.targets[0], call.number, event.at))
        if event.what == "begin" and call.verb in ("resume", "undrain"):
            verb = "pause" if call.verb == "resume" else "drain"
            still = []
            for target, number, since in open_until[verb]:
                if fnmatchcase(target.replace("*", "x"), call.targets[0]) or target == call.targets[0]:
                    windows.append((verb, target, since, event.at))
                else:
                    still.append((target, number, since))
            open_until[verb] = still
    rows = sorted(
        ((at - facts.offset, node, row) for row in facts.ended_rows() for node, at in _starts(row)),
        key=lambda start: start[0],
    )
    for verb, target, since, until in windows:
        finding.examined += 1
        for at, node, row in rows:
            if not since + SLACK < at < until:
                continue
            # A lane may be changed by a later request for the same work, so that it started in another queue.
            hit = node == target if verb == "drain" else row.identity is None and fnmatchcase(row.queue, target)
            if hit and not facts.troubled(since, at, HOLDS_CLAIMS):
                finding.object(f"{row.id} started in {row.queue} on {node} {at - since:.1f} s after {verb} {target}")


@promise("lanes", "the better lane and the older operation go first")
def lanes(facts: Facts, finding: Finding) -> None:
    """I11: of one queue's name without its lane, nothing is overtaken for long by what came later or matters less."""
    if facts.with_clock:
        return
    by_target: dict[str, list[Row]] = defaultdict(list)
    for row in facts.ended_rows():
        plain = row.deliveries == 1 and row.started is not None and row.identity is None and not row.attempts
        if plain and row.tasks != ["refresh"] and facts.target(row) is None:
            by_target[row.queue.removesuffix(f"-{row.lane}")].append(row)
    held = [
        (call.began.at + facts.offset, call.ended.at + facts.offset)
        for call in facts.calls.values()
        if call.verb in ("pause", "resume", "drain", "undrain") and call.ended
    ]
    for rows in by_target.values():
        rows.sort(key=lambda row: row.started or 0)
        # The one that waits the longest of what has not started yet, for each lane: a suffix minimum of `ready`.
        oldest: dict[str, Row] = {}
        for row in reversed(rows):
            for lane in LANES[: LANES.index(row.lane) + 1]:
                other = oldest.get(lane)
                if other is None or other.ready >= row.ready and lane == row.lane:
                    continue
                _expect_no_overtaking(facts, finding, row, other, held)
            if row.lane not in oldest or row.ready < oldest[row.lane].ready:
                oldest[row.lane] = row


def _expect_no_overtaking(
    facts: Facts, finding: Finding, row: Row, other: Row, held: list[tuple[float, float]]
) -> None:
    """Objects if `row` started while `other`, which should have, waited for longer than can be."""
    assert row.started is not None and other.started is not None
    waited, after = row.started - other.ready, other.started - row.started
    # Whatever has waited long comes first in every fourth pick, whatever its lane.
    if row.started - row.ready > 20 - SLACK and row.lane != other.lane:
        return
    begin, end = other.ready - facts.offset, other.started - facts.offset
    if any(start < other.started and stop + 6 > other.ready for start, stop in held):
        return
    room = ORDER_BOUND + facts.troubled(begin, end, HOLDS_CLAIMS)
    finding.expect(
        min(waited, after) <= room,
        f"{other.id} ({other.lane}) was ready for {waited:.1f} s,"
        f" and {row.id} ({row.lane}) was started {after:.1f} s before it",
    )


@promise("liveness", "what can run is begun while the load lasts")
def liveness(facts: Facts, finding: Finding) -> None:
    """I12: an operation of the best lane that every worker can run waits only as long as something fails."""
    if facts.with_clock:
        return
    rules = [call for call in facts.calls.values() if call.verb in ("drain", "undrain") and call.ended]
    for row in facts.ended_rows():
        if row.queue != "any-user_waiting" or row.deliveries != 1 or row.started is None or facts.target(row):
            continue
        if row.attempts or row.unfolded:
            continue
        waited = row.started - row.ready
        begin, end = row.ready - facts.offset, row.started - facts.offset
        drained = sum(
            max(0.0, min(end, (call.ended.at if call.ended else end) + 10) - max(begin, call.began.at))
            for call in rules
        )
        room = LIVENESS_BOUND + facts.troubled(begin, end, (*STOPS_ALL, "lock", "share")) + drained
        finding.expect(waited <= room, f"{row.id} waited {waited:.1f} s, of which {room:.1f} s are explained")
