"""Decides whether a run has kept every promise."""

from __future__ import annotations

import checks_of_order
import checks_of_rows
import checks_of_time
from checker import CHECKS, Finding
from facts import Facts

# Each registers its checks when it is imported.
MODULES = (checks_of_order, checks_of_rows, checks_of_time)


def check(facts: Facts) -> list[Finding]:
    """Runs every check."""
    findings = []
    for name, text, function in CHECKS:
        finding = Finding(name, text)
        function(facts, finding)
        findings.append(finding)
    return findings
