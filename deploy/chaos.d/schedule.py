"""The faults of a run in their order, drawn from the seed; pure.

A seed gives the same faults in the same order with the same pauses, victims and lengths, and the same calls. It does
not give the same interleaving: that is the processors' and the kernel's. What a seed has found is found again with it
in most runs, not in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Iterator

# How often each fault stands in one deck. A deck is shuffled and dealt to its end, so a run of one deck has them all.
DECK: dict[str, int] = {
    "kill worker": 5,
    "pause worker briefly": 2,
    "pause worker beyond its lease": 3,
    "stop worker": 1,
    "kill connections": 3,
    "kill queries": 3,
    "kill server": 1,
    "restart server": 1,
    "hang server": 1,
    "read only": 1,
    "connection limit": 1,
    "lock rows": 3,
    "share rows": 1,
    "stall network": 1,
    "cut network": 1,
}
# Only where the server's clock can be stepped.
CLOCK_DECK: dict[str, int] = {"step clock forward": 1, "step clock back": 1}
# Only where the server is a member of a cluster: it loses the others and keeps its clients, or loses both; and it is
# lost more often than a server that is alone.
GALERA_DECK: dict[str, int] = {"isolate server": 2, "cut server off": 2, "kill server": 2, "hang server": 2}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: how long after the one before it begins, whom it concerns, and how long it lasts."""

    number: int
    kind: str
    after: float
    victim: int
    # 0 to 1; how long the fault lasts within the bounds of its kind.
    length: float
    seed: int


def deck_of(with_clock: bool, with_members: bool) -> dict[str, int]:
    """The cards of one deck."""
    return DECK | (CLOCK_DECK if with_clock else {}) | (GALERA_DECK if with_members else {})


def faults(seed: int, pace: float, cards: dict[str, int]) -> Iterator[Fault]:
    """Faults without end, a deck after the other, one every `pace` seconds in the mean."""
    random = Random(f"{seed} faults")
    number = 0
    while True:
        deck = [kind for kind, count in cards.items() for _ in range(count)]
        random.shuffle(deck)
        for kind in deck:
            yield Fault(
                number, kind, random.uniform(0.4, 1.6) * pace, random.randrange(1 << 30), random.random(),
                random.randrange(1 << 30),
            )  # fmt: skip
            number += 1
