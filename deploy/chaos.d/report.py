"""The table of a run: what was done to it, what it did, what the checker says, and what it has not seen."""

from __future__ import annotations

import argparse
from collections import Counter

from calls import KINDS
from checker import Finding
from facts import Facts
from load import Load
from schedule import CLOCK_DECK, DECK, GALERA_DECK


def print_report(
    options: argparse.Namespace,
    facts: Facts,
    findings: list[Finding],
    faults: Counter[str],
    load: Load,
    seconds: float,
) -> None:
    """Prints the table."""
    unseen: list[str] = []

    def section(title: str, counts: dict[str, int]) -> None:
        print(f"\n{title}")
        for name, count in counts.items():
            if count:
                print(f"  {name:<58} {count:>8}")
            else:
                unseen.append(name)

    where = f"{options.database}, {options.nodes} nodes, lease {options.lease:g} s"
    print(f"seed {options.seed}, {where}, {seconds:.0f} s in all")
    section("faults", {kind: faults[kind] for kind in DECK | CLOCK_DECK | GALERA_DECK})
    cuts = Counter(event.subject for event in facts.history.of("cut"))
    section("cuts", {f"connections cut {phase} a statement": cuts[phase] for phase in ("before", "after")})
    commits = Counter(
        event.subject for event in facts.history.of("cut") if event.details["statement"].upper().startswith("COMMIT")
    )
    section("of them", {f"cut {phase} COMMIT": commits[phase] for phase in ("before", "after")})
    seen: Counter[str] = Counter()
    for event in facts.history.of("proxy"):
        seen.update(event.details["seen"])
    cut = {(event.subject, event.details["statement"]) for event in facts.history.of("cut")}
    both = sum(("before", name) in cut and ("after", name) in cut for name in seen)
    section("statements", {"different statements seen": len(seen), "of them cut before and after": both})
    section("kinds of calls", {kind: load.kinds[kind] for kind in KINDS})
    codes: Counter[str] = Counter()
    for call in facts.calls.values():
        codes["killed" if call.code is None else f"exit {call.code}"] += 1
    section("answers", {name: codes[name] for name in ("exit 0", *(f"exit {n}" for n in (1, 3, 4, 5, 6)), "killed")})
    section("operations", _operations(facts))
    print("\npromises                                                     examined  objections")
    for finding in findings:
        print(f"  {finding.promise:<58} {finding.examined:>8} {finding.objections:>10}")
        if not finding.examined:
            unseen.append(f"nothing was examined: {finding.promise}")
    print(f"\nnot seen: {'; '.join(unseen) or 'nothing of the above'}")
    others = ", Galera" if options.database == "single" else ""
    print(f"never tried: netnodes and their lease, TLS, migrations under load, a full disk, replicas{others}")
    for finding in findings:
        for text in finding.texts:
            print(f"OBJECTION {finding.name}: {text}")
        if finding.objections > len(finding.texts):
            print(f"OBJECTION {finding.name}: and {finding.objections - len(finding.texts)} more")
    total = sum(finding.objections for finding in findings)
    print(f"\nchaos: {'passed' if not total else f'FAILED: {total} objections'}")


def _operations(facts: Facts) -> dict[str, int]:
    rows = facts.tables.finished.values()
    states = Counter(row.state for row in rows)
    codes = Counter(row.error_code for row in rows if row.state == "error")
    outcomes = Counter(record["outcome"] for row in rows for record in row.attempts)
    counts = {"ended": len(rows)} | {
        f"  {state}": states[state] for state in ("complete", "error", "aborted", "cancelled")
    }
    counts |= {f"  by {code}": codes[code] for code in ("command_failed", "timed_out", "deadline_passed", "poison")}
    known = facts.tables.finished
    unanswered = {
        row.id for row in rows
        if not any(call.acknowledged for call in facts.asked_by.get(row.id, []))
        and (call := facts.calls.get(facts.caller(row.requester))) is not None and not call.acknowledged
    }  # fmt: skip
    return counts | {
        "acknowledged": len(known) - len(unanswered),
        "not acknowledged, and there all the same": len(unanswered),
        "followers": sum(row.folded_into is not None for row in rows),
        "adopted requests": sum(bool(call.answer.get("deduplicated")) for call in facts.calls.values()),
        "retries": sum(row.retry_of is not None for row in rows),
        "runs of commands": len(facts.history.runs),
        "runs that were cut short": sum(run.ended is None for run in facts.history.runs.values()),
        "deliveries reaped": outcomes["reaped"],
        "deliveries handed back": outcomes["handed_back"],
        "attempts failed": outcomes["failed"],
        "attempts deferred": outcomes["deferred"],
    }
