"""What a check is, and the list of all; none knows anything of the product's code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from facts import Facts

__all__ = ["CHECKS", "Facts", "Finding", "promise"]

# What is kept of the objections of one check; the number of all is kept too.
MOST_OBJECTIONS = 20


@dataclass
class Finding:
    """What one check has examined, and what it objects to."""

    name: str
    promise: str
    examined: int = 0
    objections: int = 0
    texts: list[str] = field(default_factory=list)

    def object(self, text: str) -> None:
        """Adds an objection."""
        self.objections += 1
        if len(self.texts) < MOST_OBJECTIONS:
            self.texts.append(text)

    def expect(self, holds: bool, text: str) -> None:
        """Counts one thing as examined, and objects unless it is so."""
        self.examined += 1
        if not holds:
            self.object(text)


Check = Callable[[Facts, Finding], None]
CHECKS: list[tuple[str, str, Check]] = []


def promise(name: str, text: str) -> Callable[[Check], Check]:
    """Registers a check under the name by which the self-test asks for it."""

    def register(function: Check) -> Check:
        CHECKS.append((name, text, function))
        return function

    return register
