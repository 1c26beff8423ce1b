"""Checks of what came before what, by places in the history alone."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Iterable

from checker import Facts, Finding, promise
from cluster import is_coalescible
from facts import Delivery


@promise("once", "no delivery runs twice, and its tasks run one after the other")
def once(facts: Facts, finding: Finding) -> None:
    """I3: a delivery begins each task once."""
    for deliveries in facts.deliveries.values():
        for one in deliveries:
            for run, after in zip(one.runs, one.runs[1:]):
                finding.expect(run.last < after.first, f"{one.operation}: {after.task} begins before {run.task} ends")
            for run in one.runs:
                finding.expect(run.begins == 1, f"{run.operation}: delivery {run.delivery} begins {run.begins} times")
                finding.expect(
                    run.ended is None or run.last == run.ended or run.task == "family",
                    f"{run.operation}: delivery {run.delivery} goes on after its end",
                )


@promise("no overlap of an operation", "no two deliveries of an operation run at once")
def no_overlap_of_operation(facts: Facts, finding: Finding) -> None:
    """I6, for one operation: what is heard of one delivery lies before the next one."""
    for deliveries in facts.deliveries.values():
        _expect_apart(deliveries, finding, "the operation")


@promise("no overlap of a target", "no two operations of an exclusive target run at once")
def no_overlap_of_target(facts: Facts, finding: Finding) -> None:
    """I6: the runs of one target lie one after the other."""
    by_target: dict[Any, list[Delivery]] = defaultdict(list)
    for row in facts.ended_rows():
        target = facts.target(row)
        if target is not None:
            by_target[target].extend(facts.deliveries.get(row.id, []))
    for target, deliveries in by_target.items():
        _expect_apart(deliveries, finding, f"{target}")


def _expect_apart(deliveries: Iterable[Delivery], finding: Finding, what: str) -> None:
    before: Delivery | None = None
    for one in sorted(deliveries, key=lambda one: one.first):
        if before is not None:
            finding.expect(
                before.last < one.first,
                f"{what}: {before.operation} delivery {before.number} to line {before.last},"
                f" {one.operation} delivery {one.number} from line {one.first}",
            )
        if before is None or one.last > before.last:
            before = one


@promise("absorbing", "what has ended does not run")
def absorbing(facts: Facts, finding: Finding) -> None:
    """I3: no run is of a delivery that the row does not know, of what was never asked for, or after the last one."""
    for operation, deliveries in facts.deliveries.items():
        row = facts.tables.finished.get(operation)
        if row is None:
            finding.expect(operation in facts.tables.live, f"{operation} has run, and does not exist")
            continue
        numbers = [one.number for one in deliveries]
        finding.expect(numbers == sorted(numbers), f"{operation}: deliveries run in the order {numbers}")
        finding.expect(max(numbers) <= row.deliveries, f"{operation}: delivery {max(numbers)} of {row.deliveries}")


@promise("order", "an operation begins after what it depends on")
def order(facts: Facts, finding: Finding) -> None:
    """I8: by places; and what had to complete has."""
    for row in facts.ended_rows():
        must, after = facts.edges(row)
        own = facts.deliveries.get(row.id, [])
        first = min((one.first for one in own), default=None)
        failed = []
        for edge in [*must, *after]:
            other = facts.tables.finished.get(edge)
            if other is None:
                finding.expect(False, f"{row.id} depends on {edge}, which does not exist")
                continue
            if edge in must and other.state != "complete":
                failed.append(f"{edge} {other.state}")
            executor = facts.executor(other)
            runs = facts.deliveries.get(executor.id, []) if executor else []
            if first is None or not runs:
                continue
            final = facts.final(executor) if executor and other.state == "complete" else None
            last = final.last if final else max(one.last for one in runs)
            # The primary of a follower whose task was done, or that was given back, goes on.
            if other.folded_into is None or final is not None:
                finding.expect(last < first, f"{row.id} began at line {first}, its dependency {edge} ended at {last}")
        if must:
            if failed:
                finding.expect(not own and row.state != "complete", f"{row.id} ran in spite of {failed}")
                finding.expect(row.state in ("aborted", "cancelled", "error"), f"{row.id} {row.state}: {failed}")
            else:
                finding.expect(row.state != "aborted", f"{row.id} is aborted, and all that it needs is complete")
        else:
            finding.expect(row.state != "aborted", f"{row.id} is aborted, and needs nothing")


@promise("generations", "a completed request is covered by a run that read what it wanted")
def generations(facts: Facts, finding: Finding) -> None:
    """I4, I5, I7: wanted state is raised before the request, and read after the start."""
    for call in facts.calls.values():
        if not call.acknowledged:
            continue
        for request in call.requests:
            wanted = request.get("generation")
            identifier = request.get("id") or call.answer.get("uuid")
            row = facts.tables.finished.get(str(identifier))
            if not wanted or row is None or row.state != "complete":
                continue
            executor = facts.executor(row)
            final = facts.final(executor) if executor else None
            for task in request["tasks"]:
                if not is_coalescible(task) or task == "flaky":
                    continue
                runs = [run for run in final.runs if run.task == task and run.exit == 0] if final else []
                if row.folded_into and not runs:
                    # Its task was done in an attempt whose later task has failed.
                    runs = [
                        run
                        for one in facts.deliveries.get(row.folded_into, [])
                        for run in one.runs
                        if run.task == task and run.exit == 0
                    ]
                read = max((run.generation or 0 for run in runs), default=-1)
                finding.expect(read >= wanted, f"{row.id} wanted {task} {wanted} of {row.network}, {read} was read")


@promise("cancels", "what was cancelled does not begin")
def cancels(facts: Facts, finding: Finding) -> None:
    """After the answer of a cancel nothing of it begins but what was claimed before."""
    for call in facts.calls.values():
        if call.verb != "cancel" or call.code != 0 or call.ended is None:
            continue
        identifier = str(call.answer.get("uuid"))
        begun = [one for one in facts.deliveries.get(identifier, []) if one.first > call.ended.place]
        # One that was claimed may begin, and is interrupted then; it is not delivered again.
        most = 0 if call.answer.get("state") == "cancelled" else 1
        finding.expect(len(begun) <= most, f"{identifier}: {len(begun)} deliveries begin after it was cancelled")
        for other in call.answer.get("aborted", []):
            finding.expect(not facts.deliveries.get(other), f"{other} was aborted, and has run")
