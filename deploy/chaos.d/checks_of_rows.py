"""Checks of what exists at the end, against what was asked for and answered."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from checker import Facts, Finding, promise
from cluster import TASKS
from facts import CANCELS, ENQUEUES, REFUSED, RETRIES, Called

DOCUMENTED_CODES = {0, 1, 3, 4, 5, 6}


@promise("acknowledged", "what was acknowledged exists")
def acknowledged(facts: Facts, finding: Finding) -> None:
    """I1: each acknowledged request has its row, and a counted one as many as it asked for."""
    known = facts.tables.finished.keys() | facts.tables.live.keys()
    for call in facts.calls.values():
        if not call.acknowledged:
            continue
        if call.verb in ENQUEUES:
            for request in call.requests:
                if "id" in request:
                    finding.expect(request["id"] in known, f"call {call.number}: {request['id']} is lost")
                elif call.answer.get("deduplicated"):
                    finding.expect(call.answer["uuid"] in known, f"call {call.number}: its adopted one is lost")
                else:
                    found = len(facts.rows_of[call.number])
                    finding.expect(
                        found == request["count"], f"call {call.number}: {found} rows of {request['count']} promised"
                    )
        elif call.verb == "retry":
            finding.expect(call.answer.get("uuid") in known, f"call {call.number}: the retry is lost")


@promise("invented", "what exists was asked for, and was not refused")
def invented(facts: Facts, finding: Finding) -> None:
    """I2: each row names a call that asked for it; a refused call has none, an unanswered one all or some."""
    for row in facts.ended_rows():
        call = facts.calls.get(facts.caller(row.requester))
        if call is None:
            finding.expect(False, f"{row.id} is of '{row.requester}', who called nothing")
        elif call.verb in RETRIES:
            finding.expect(row.retry_of is not None, f"{row.id} is of a retry, and retries nothing")
        elif row.id in facts.requested:
            request = facts.requested[row.id]
            same = (
                row.tasks == request["tasks"]
                and row.network == request.get("network")
                and row.node == request.get("node")
                and (request.get("generation") or row.lane == request["lane"])
            )
            finding.expect(bool(same), f"{row.id} is not what call {call.number} asked for: {row.tasks} {row.lane}")
            finding.expect(
                any(other.code not in REFUSED for other in facts.asked_by[row.id]), f"{row.id} exists and was refused"
            )
        else:
            own = [request for request in call.requests if "id" not in request]
            finding.expect(bool(own), f"{row.id}: call {call.number} asked for other ids")
    for number, rows in facts.rows_of.items():
        call = facts.calls.get(number)
        if call is None or call.verb in RETRIES:
            continue
        most = sum(request["count"] for request in call.requests)
        none = call.code in REFUSED or (call.acknowledged and call.answer.get("deduplicated"))
        finding.expect(len(rows) <= most, f"call {number}: {len(rows)} rows, {most} were asked for")
        # One that was sent twice is of whoever came first.
        alone = [row for row in rows if len(facts.asked_by.get(row, [])) < 2]
        finding.expect(not (none and alone), f"call {number} was refused or adopted another, and has {alone[:3]}")


@promise("whole", "a graph is added as a whole or not at all")
def whole(facts: Facts, finding: Finding) -> None:
    """A submit that was not answered has left all of its operations or none."""
    known = facts.tables.finished.keys() | facts.tables.live.keys()
    for call in facts.calls.values():
        if call.verb == "submit":
            found = sum(request["id"] in known for request in call.requests)
            finding.expect(found in (0, len(call.requests)), f"call {call.number}: {found} of {len(call.requests)}")


@promise("ended", "everything has ended, once")
def ended(facts: Facts, finding: Finding) -> None:
    """I1, I3: after the run no operation is live, and none is live and ended."""
    finding.examined += len(facts.tables.finished)
    for identifier, (state, _) in facts.tables.live.items():
        finding.object(f"{identifier} is still {state}")
        if identifier in facts.tables.finished:
            finding.object(f"{identifier} has ended and is live")


@promise("attempts", "attempts are counted, and none is too many")
def attempts_counted(facts: Facts, finding: Finding) -> None:
    """I13: failures by the row, by its history, and by what the commands themselves have said."""
    for row in facts.ended_rows():
        most = facts.allowed_attempts(row)
        deliveries = facts.deliveries.get(row.id, [])
        finding.expect(row.max_attempts == most, f"{row.id}: {row.max_attempts} attempts, {most} are configured")
        finding.expect(row.failures <= most, f"{row.id}: {row.failures} failures of {most}")
        numbers = [run.attempt for delivery in deliveries for run in delivery.runs]
        finding.expect(numbers == sorted(numbers), f"{row.id}: attempts begin in the order {numbers}")
        finding.expect(not numbers or numbers[-1] <= most, f"{row.id}: attempt {numbers[-1:]} of {most}")
        if row.folded_into is None and row.deliveries:
            by_fault = row.state == "error" and row.error_code in ("command_failed", "timed_out")
            told = sum(record["outcome"] == "failed" for record in row.attempts) + by_fault
            # Of many attempts only the last ten are kept.
            if len(row.attempts) < 10:
                finding.expect(told == row.failures, f"{row.id}: {row.failures} failures, its history has {told}")
            if by_fault:
                finding.expect(row.failures == most, f"{row.id}: ended by failure {row.failures} of {most}")
        failed = sum(any(code not in (0, 75, None) for code in one.exits) for one in deliveries)
        # What a command has said of its failure is lost with its worker, and counts nothing.
        lost = row.deliveries - row.failures - row.deferrals
        finding.expect(failed <= row.failures + max(lost, 0), f"{row.id}: {failed} failed runs, {row.failures} counted")
        silent = sum(None in one.exits for one in deliveries) + row.deliveries - len(deliveries)
        finding.expect(row.failures <= failed + silent, f"{row.id}: {row.failures} counted, {failed} failed runs")


@promise("outcomes", "complete means that its tasks have succeeded, and error that one has not")
def outcomes(facts: Facts, finding: Finding) -> None:
    """I5: the delivery that ended an operation has run its tasks, each after the one before it."""
    for row in facts.ended_rows():
        if row.state == "complete" and row.folded_into is None:
            final = facts.final(row)
            if final is None:
                finding.expect(False, f"{row.id} is complete, and delivery {row.deliveries} has never run")
                continue
            wanted = list(dict.fromkeys(row.tasks))
            order = [run.task for run in final.runs]
            finding.expect(order == wanted, f"{row.id} is complete, and has run {order} of {wanted}")
            finding.expect(all(run.exit == 0 for run in final.runs), f"{row.id} is complete by exits {final.exits}")
        elif row.state == "error" and row.error_code == "command_failed" and row.folded_into is None:
            final = facts.final(row)
            finding.expect(
                final is None or any(code not in (0, 75) for code in final.exits), f"{row.id} failed by {final}"
            )
        elif row.state == "aborted":
            finding.expect(row.deliveries == 0, f"{row.id} is aborted, and was delivered")
        if row.state == "error":
            finding.expect(
                row.error_code in ("command_failed", "timed_out", "deadline_passed", "poison"), f"{row.id}: {row.error}"
            )
        if "doomed" in row.tasks or "once" in row.tasks:
            finding.expect(row.state != "complete", f"{row.id} is complete although its command always fails")


@promise("followers", "a follower shares the fate of its primary, which had its task")
def followers(facts: Facts, finding: Finding) -> None:
    """I4: identity, state and time of the end."""
    for row in facts.ended_rows():
        if row.folded_into is None:
            continue
        primary = facts.tables.finished.get(row.folded_into)
        if primary is None:
            finding.expect(False, f"{row.id} follows {row.folded_into}, which has not ended")
            continue
        finding.expect(primary.folded_into is None, f"{row.id} follows the follower {primary.id}")
        finding.expect(row.deliveries == 0 and row.id not in facts.deliveries, f"{row.id} follows, and has run")
        finding.expect(
            row.tasks[0] in primary.tasks and (row.network, row.node) == (primary.network, primary.node),
            f"{row.id} {row.tasks} {row.network} {row.node} follows {primary.tasks} {primary.network} {primary.node}",
        )
        if row.cancel_requester is None:
            # One whose task was done completes although a later task of its primary has failed.
            both = row.state == primary.state or row.state == "complete"
            finding.expect(both, f"{row.id} is {row.state}, its primary {primary.id} {primary.state}")
            # The work of one whose task was done is over before the end of its primary.
            finding.expect(row.finished <= primary.finished, f"{row.id} ended after its primary")


@promise("retries", "a retry is of one that did not complete, and there is one of each")
def retries(facts: Facts, finding: Finding) -> None:
    """A retry is asked for, is the same work, and is refused a second time."""
    retried = Counter(row.retry_of for row in facts.ended_rows() if row.retry_of)
    for target, count in retried.items():
        finding.expect(count == 1, f"{target} was retried {count} times")
    for row in facts.ended_rows():
        if row.retry_of is None:
            continue
        old = facts.tables.finished.get(row.retry_of)
        if old is None:
            finding.expect(False, f"{row.id} retries {row.retry_of}, which has not ended")
            continue
        finding.expect(old.state != "complete", f"{row.id} retries {old.id}, which is complete")
        finding.expect(row.tasks == old.tasks and row.lane == old.lane, f"{row.id} is not the work of {old.id}")
    promised = Counter(call.targets[0] for call in facts.calls.values() if call.verb == "retry" and call.code == 0)
    for target, count in promised.items():
        finding.expect(count == 1, f"{target}: {count} callers were promised to have retried it")


@promise("cancelled", "what is cancelled was asked to be")
def cancelled(facts: Facts, finding: Finding) -> None:
    """A cancelled row names a call that cancels; one that was told so is cancelled."""
    for row in facts.ended_rows():
        if row.state == "cancelled":
            call = facts.calls.get(facts.caller(row.cancel_requester or ""))
            finding.expect(call is not None and call.verb in CANCELS, f"{row.id} is cancelled by nobody")
    for call in facts.calls.values():
        if call.verb != "cancel" or call.code != 0:
            continue
        target = facts.tables.finished.get(str(call.answer.get("uuid")))
        if target is None:
            finding.expect(False, f"call {call.number} cancelled {call.targets}, which has not ended")
        elif call.answer.get("state") == "cancelled":
            finding.expect(target.state == "cancelled", f"{target.id} was cancelled, and is {target.state}")
        else:
            # One that runs may succeed before it is interrupted; it does not run to its end by failing.
            fine = target.state in ("cancelled", "complete")
            finding.expect(fine, f"{target.id} was told to end, and is {target.state}")
        for other in call.answer.get("aborted", []):
            state = facts.tables.finished[other].state if other in facts.tables.finished else "missing"
            finding.expect(state == "aborted", f"{other} was aborted by call {call.number}, and is {state}")


@promise("answers", "what callers were told is so")
def answers(facts: Facts, finding: Finding) -> None:
    """Exit codes are documented ones, waits tell how it ended, and no call hangs."""
    for call in facts.calls.values():
        if call.ended is None:
            finding.object(f"call {call.number} has no end")
            continue
        finding.expect(not call.ended.details["hung"], f"call {call.number}, {call.verb}, hangs")
        if call.code is not None:
            finding.expect(
                call.code in DOCUMENTED_CODES,
                f"call {call.number}, {call.verb}, ends with {call.code}: {call.ended.details['error']}",
            )
        if call.verb in ("wait", "enqueue --wait") and call.code in (0, 1):
            _waited(facts, finding, call)


def _waited(facts: Facts, finding: Finding, call: Called) -> None:
    assert call.ended is not None
    told = call.answer.get("state") or next((item["state"] for item in call.answer.get("items", [])), None)
    row = facts.tables.finished.get(call.targets[0])
    if told is None and call.code == 1:
        return
    finding.expect(row is not None and row.state == told, f"call {call.number} was told {told}: {call.targets}")
    finding.expect((told == "complete") == (call.code == 0), f"call {call.number}: {told} by exit {call.code}")
    executor = facts.executor(row) if row else None
    final = facts.final(executor) if executor else None
    if told == "complete" and final is not None:
        finding.expect(final.last < call.ended.place, f"call {call.number} was told of an end before it was")


@promise("leftovers", "nothing is left behind")
def leftovers(facts: Facts, finding: Finding) -> None:
    """I15: no edge, cascade, waiter or rule, one session a worker, few connections, no torn line."""
    for name, count in facts.tables.leftovers.items():
        finding.expect(count == 0, f"{count} {name} are left")
    finding.expect(facts.tables.sessions == facts.nodes, f"{facts.tables.sessions} living sessions of {facts.nodes}")
    most = 6 * facts.nodes
    finding.expect(facts.tables.connections <= most, f"{facts.tables.connections} connections are left, not {most}")
    finding.expect(facts.history.torn == 0, f"{facts.history.torn} lines of the history are torn")


@promise("counters", "counters do not exceed the facts")
def counters(facts: Facts, finding: Finding) -> None:
    """What processes count is lost when they are killed, never invented."""
    most: dict[tuple[str, str], int] = defaultdict(int)
    adopted = 0
    for call in facts.calls.values():
        unknown = call.code != 0 and call.code not in REFUSED
        for request in call.requests:
            most[request["tasks"][0], "requested"] += request["count"]
            if call.answer.get("deduplicated") or unknown:
                most[request["tasks"][0], "deduplicated"] += 1
        if call.verb in ENQUEUES and (call.answer.get("deduplicated") or unknown):
            adopted += len(call.requests)
    for row in facts.ended_rows():
        if row.retry_of:
            most[row.tasks[0], "requested"] += 1
        most[row.tasks[0], "executed"] += row.deliveries
    for (task, outcome), count in facts.tables.counters.items():
        finding.expect(task in TASKS, f"the task {task} is counted")
        if outcome in ("requested", "deduplicated", "executed"):
            limit = most[task, outcome]
            finding.expect(count <= limit, f"{task} {outcome}: {count} are counted, {limit} is the most")
    finding.expect(facts.tables.adoptions <= adopted, f"{facts.tables.adoptions} adoptions, {adopted} is the most")


@promise("doctor", "doctor and status find nothing")
def doctor(facts: Facts, finding: Finding) -> None:
    """The product's own verdict on what is left."""
    code, text = facts.answers["doctor -o json"]
    try:
        checks = json.loads(text)["checks"]
    except (ValueError, KeyError):
        finding.expect(False, f"doctor ended with {code}: {text[:200]}")
        return
    found = False
    for check in checks:
        # Nodes without netnodes are how the run is made.
        messages = [
            one["message"] for one in check.get("findings", []) if not one["message"].endswith("no live netnode")
        ]
        fine = check["state"] == "ok" or (check["state"] == "findings" and not messages)
        found = found or check["state"] != "ok"
        finding.expect(fine, f"{check['check']}: {'; '.join(messages)[:200] or check['state']}")
    finding.expect(code == (1 if found else 0), f"doctor ended with {code}")
    code, text = facts.answers["status -o json"]
    status = json.loads(text) if code == 0 else {"lanes": [{"lane": text[:200], "queued": -1}]}
    for lane in status["lanes"]:
        counts = {key: lane[key] for key in ("queued", "delayed", "blocked", "executing") if lane.get(key)}
        finding.expect(not counts, f"status: {lane['lane']} has {counts}")
