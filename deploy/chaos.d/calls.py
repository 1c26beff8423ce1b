"""The calls of a run, drawn from the seed: what is asked for, and by which words; pure but for its random numbers.

The number of a call gives its kind and its numbers. What it refers to, such as the operation to cancel, is drawn from
those that were asked for before, and so depends on what has been answered by then.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Callable

LANES = ("user_waiting", "user_facing", "user_facing_high_io", "background", "background_high_io")
PAUSED = ("any-background", "any-background*", "any-background*", "any-user_facing*", "h1-*")

# How often each kind of call stands in one deck, which is shuffled and dealt to its end.
KINDS: dict[str, int] = {
    "enqueue": 8,
    "enqueue and wait": 3,
    "enqueue coalescing": 16,
    "enqueue several tasks": 5,
    "enqueue many": 7,
    "enqueue twice at once": 3,
    "enqueue with delay": 3,
    "enqueue with deadline": 3,
    "enqueue depending": 5,
    "enqueue failing": 5,
    "submit graph": 12,
    "cancel": 6,
    "cancel by label": 2,
    "retry": 4,
    "retry twice at once": 2,
    "pause and resume": 3,
    "drain and undrain": 1,
    "wait": 5,
    "look": 4,
}
DECK_SIZE = sum(KINDS.values())


@dataclass(slots=True)
class Request:
    """One operation that is asked for."""

    id: str | None
    tasks: list[str]
    network: str | None = None
    node: str | None = None
    lane: str = "user_facing"
    parameters: dict[str, int] | None = None
    depends_on: list[str] = field(default_factory=list)
    runs_after: list[str] = field(default_factory=list)
    delay: float = 0
    deadline: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    generation: int | None = None
    count: int = 1

    def short(self) -> dict[str, Any]:
        """What the history has of it: all that is not as usual."""
        return {key: value for key, value in asdict(self).items() if value not in (None, [], {}, 0)}


@dataclass(slots=True)
class Call:
    """One invocation of clusterctl."""

    verb: str
    role: str
    arguments: list[str]
    requests: list[Request] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    document: str | None = None
    # The caller is killed after this many seconds.
    killed_after: float | None = None
    # Said again until it is answered, as what the end of the run relies on.
    insists: bool = False
    # The seconds to wait before it.
    pause: float = 0


class Generator:
    """Makes calls; a call that is one of several at once comes with the others."""

    def __init__(
        self, seed: int, nodes: list[str], networks: list[str], raise_generation: Callable[[str], int]
    ) -> None:
        self._seed = seed
        self._nodes = nodes
        self._networks = networks
        self._raise = raise_generation
        # What was asked for, and with which label; appended to as calls are answered.
        self.asked: list[str] = []
        self.labels: list[str] = []

    def calls(self, number: int, largest: int) -> tuple[str, list[list[Call]]]:
        """The kind of call with a number, and its calls: lists that run beside each other, each in its order.

        `largest` is the most operations that it may ask for.
        """
        random = Random(f"{self._seed} call {number}")
        deck = [kind for kind, count in KINDS.items() for _ in range(count)]
        Random(f"{self._seed} deck {number // DECK_SIZE}").shuffle(deck)
        kind = deck[number % DECK_SIZE]
        calls = getattr(self, "_" + kind.replace(" ", "_"))(random, largest)
        for line in calls:
            for call in line:
                if not call.insists and random.random() < 0.06:
                    call.killed_after = random.uniform(0.02, 2)
        return kind, calls

    def _id(self, random: Random) -> str:
        return str(uuid.UUID(int=random.getrandbits(128), version=4))

    def _earlier(self, random: Random) -> str | None:
        # Mostly what is still alive.
        newest = self.asked[-60:] if random.random() < 0.8 else self.asked
        return random.choice(newest) if newest else None

    def _lane(self, random: Random) -> str:
        return random.choices(LANES, (2, 5, 2, 4, 2))[0]

    def _plain_request(self, random: Random) -> Request:
        request = Request(self._id(random), ["plain"], lane=self._lane(random))
        task = random.random()
        if task < 0.25:
            request.tasks, request.parameters = ["beat"], {"beats": random.choice((1, 2, 4, 25))}
        elif task < 0.33:
            # Long enough that its worker is killed or stopped while it works.
            request.tasks = ["slow"]
        if random.random() < 0.2:
            request.node = random.choice(self._nodes)
        return request

    def enqueue_call(self, request: Request, *more: str) -> Call:
        """The call that asks for one operation."""
        arguments = ["op", "enqueue", *request.tasks, "-o", "json", "--lane", request.lane, *more]
        for option in ("network", "node"):
            if getattr(request, option):
                arguments += [f"--{option}", getattr(request, option)]
        if request.id:
            arguments += ["--uuid", request.id]
        if request.parameters is not None:
            arguments += ["--parameters", json.dumps(request.parameters)]
        for edge in request.depends_on:
            arguments += ["--depends-on", edge]
        for edge in request.runs_after:
            arguments += ["--runs-after", edge]
        if request.delay:
            arguments += ["--delay", f"{round(request.delay * 1000)}ms"]
        if request.deadline is not None:
            arguments += ["--deadline", f"{round(request.deadline * 1000)}ms"]
        for key, value in request.labels.items():
            arguments += ["--label", f"{key}={value}"]
        if request.count > 1:
            arguments += ["--count", str(request.count)]
        return Call("enqueue", "enqueuer", arguments, [request])

    # One function a kind.

    def _enqueue(self, random: Random, _: int) -> list[list[Call]]:
        return [[self.enqueue_call(self._plain_request(random))]]

    def _enqueue_and_wait(self, random: Random, _: int) -> list[list[Call]]:
        request = self._plain_request(random)
        request.lane, request.node = "user_waiting", None
        call = self.enqueue_call(request, "--wait", "--timeout", "60s")
        call.verb, call.targets = "enqueue --wait", [request.id or ""]
        return [[call]]

    def _enqueue_coalescing(self, random: Random, _: int) -> list[list[Call]]:
        # Several callers at once ask for the same work, some under an id of their own, which is then never adopted.
        task = random.choices(("refresh", "mark", "flaky"), (6, 2, 1))[0]
        # The first networks are asked for most.
        network = self._networks[min(random.randrange(len(self._networks)), random.randrange(len(self._networks)))]
        node = random.choice(self._nodes) if random.random() < 0.2 else None
        lines = []
        for _ in range(random.randint(1, 3)):
            request = Request(self._id(random) if random.random() < 0.4 else None, [task], network, node)
            request.lane = self._lane(random)
            request.generation = self._raise(network)
            lines.append([self.enqueue_call(request)])
        return lines

    def _enqueue_several_tasks(self, random: Random, _: int) -> list[list[Call]]:
        tasks = random.choice(
            (["plain", "refresh"], ["refresh", "mark"], ["refresh", "plain", "mark"], ["mark", "once"])
        )
        network = random.choice(self._networks)
        request = Request(self._id(random), tasks, network, lane=self._lane(random))
        request.generation = self._raise(network)
        return [[self.enqueue_call(request)]]

    def _enqueue_many(self, random: Random, largest: int) -> list[list[Call]]:
        request = Request(None, ["plain"], lane=random.choice(LANES[1:]), count=random.randint(2, max(2, largest)))
        return [[self.enqueue_call(request)]]

    def _enqueue_twice_at_once(self, random: Random, _: int) -> list[list[Call]]:
        request = self._plain_request(random)
        return [[self.enqueue_call(request)], [self.enqueue_call(request)]]

    def _enqueue_with_delay(self, random: Random, _: int) -> list[list[Call]]:
        request = self._plain_request(random)
        request.delay = round(random.uniform(0.1, 4), 3)
        return [[self.enqueue_call(request)]]

    def _enqueue_with_deadline(self, random: Random, _: int) -> list[list[Call]]:
        request = self._plain_request(random)
        request.tasks, request.parameters = [random.choice(("slow", "plain"))], None
        request.deadline = round(random.uniform(0.2, 12), 3)
        return [[self.enqueue_call(request)]]

    def _enqueue_depending(self, random: Random, _: int) -> list[list[Call]]:
        request = self._plain_request(random)
        for edges in (request.depends_on, request.runs_after):
            for _ in range(random.randint(0, 2)):
                edge = self._earlier(random)
                if edge and edge not in request.depends_on and edge not in edges:
                    edges.append(edge)
        return [[self.enqueue_call(request)]]

    def _enqueue_failing(self, random: Random, _: int) -> list[list[Call]]:
        task = random.choices(("beat", "doomed", "once", "stubborn", "family", "slow"), (6, 3, 2, 1, 2, 2))[0]
        request = Request(self._id(random), [task], lane=self._lane(random))
        if task == "beat":
            kind = random.choice(("fail", "defer"))
            request.parameters = {"beats": 1, kind: random.randint(1, 5 if kind == "fail" else 2)}
        return [[self.enqueue_call(request)]]

    def _submit_graph(self, random: Random, largest: int) -> list[list[Call]]:
        size = random.randint(2, max(2, largest))
        shape = random.choice(("chain", "fan out", "fan in", "layers", "layers"))
        label = f"g{random.getrandbits(40):010x}"
        requests: list[Request] = []
        size = min(size, 12) if shape == "chain" else size
        for place in range(size):
            request = self._plain_request(random)
            if random.random() < 0.03:
                request.tasks, request.parameters = [random.choice(("doomed", "once"))], None
            request.labels = {"graph": label} if place % 3 == 0 else {}
            before = [other.id or "" for other in requests]
            edges = self._edges(random, shape, place, size, before)
            for edge in edges:
                (request.depends_on if random.random() < 0.7 else request.runs_after).append(edge)
            requests.append(request)
        document = {"operations": [self._entry(request) for request in requests]}
        self.labels.append(label)
        call = Call("submit", "enqueuer", ["op", "submit", "-", "-o", "json"], requests, document=json.dumps(document))
        return [[call]]

    @staticmethod
    def _edges(random: Random, shape: str, place: int, size: int, before: list[str]) -> list[str]:
        if place == 0:
            return []
        if shape == "chain":
            return before[-1:]
        if shape == "fan out":
            return before[:1]
        if shape == "fan in":
            return before if place == size - 1 else []
        return random.sample(before[-8:], min(len(before), random.randint(0, 3)))

    @staticmethod
    def _entry(request: Request) -> dict[str, Any]:
        entry = {"ref": request.id, "uuid": request.id, "tasks": request.tasks, "lane": request.lane}
        for key in ("node", "parameters", "depends_on", "runs_after", "labels"):
            if getattr(request, key):
                entry[key] = getattr(request, key)
        return entry

    def _cancel(self, random: Random, _: int) -> list[list[Call]]:
        # What was asked for before has mostly ended by now; half are of one that waits or works.
        before: list[Call] = []
        target = self._earlier(random)
        if target is None or random.random() < 0.5:
            request = Request(self._id(random), ["slow"], lane="user_waiting", delay=random.choice((0, 0, 20)))
            target = request.id or ""
            before.append(self.enqueue_call(request))
        cancel = Call("cancel", "operator", ["op", "cancel", target, "-o", "json", "--yes"], targets=[target])
        cancel.pause = random.uniform(0, 2) if before else 0
        return [[*before, cancel]]

    def _cancel_by_label(self, random: Random, _: int) -> list[list[Call]]:
        if not self.labels:
            return []
        label = f"graph={random.choice(self.labels[-10:])}"
        return [[Call("cancel --label", "operator", ["op", "cancel", "--label", label, "-o", "json", "--yes"])]]

    def _retry(self, random: Random, _: int) -> list[list[Call]]:
        target = self._earlier(random)
        if target is None:
            return []
        if random.random() < 0.3:
            # Whatever has failed lately comes back, with what was aborted for it.
            arguments = ["op", "retry", "--since", "20s", "--task", "once", "--with-dependents", "-o", "json"]
            return [[Call("retry --task", "operator", arguments)]]
        return [[self._retry_call(target)]]

    def _retry_twice_at_once(self, random: Random, _: int) -> list[list[Call]]:
        # One that fails for sure, then two who retry it.
        request = Request(self._id(random), ["once"], lane="user_waiting", deadline=0.15)
        target = request.id or ""
        first = self.enqueue_call(request, "--wait", "--timeout", "60s")
        first.verb, first.targets = "enqueue --wait", [target]
        both = [self._retry_call(target), self._retry_call(target)]
        both[0].pause = both[1].pause = random.uniform(1, 3)
        return [[first], [both[0]], [both[1]]]

    @staticmethod
    def _retry_call(target: str) -> Call:
        return Call("retry", "operator", ["op", "retry", target, "-o", "json"], targets=[target])

    def _pause_and_resume(self, random: Random, _: int) -> list[list[Call]]:
        pattern = random.choice(PAUSED)
        pause = Call(
            "pause", "operator", ["queue", "pause", pattern, "--reason", "chaos", "-o", "json"], targets=[pattern]
        )
        resume = Call("resume", "operator", ["queue", "resume", pattern, "-o", "json"], targets=[pattern], insists=True)
        resume.pause = random.uniform(2, 8)
        return [[pause, resume]]

    def _drain_and_undrain(self, random: Random, _: int) -> list[list[Call]]:
        node = random.choice(self._nodes)
        drain = Call("drain", "operator", ["node", "drain", node, "--reason", "chaos", "-o", "json"], targets=[node])
        undrain = Call("undrain", "operator", ["node", "undrain", node, "-o", "json"], targets=[node], insists=True)
        undrain.pause = random.uniform(2, 8)
        return [[drain, undrain]]

    def _wait(self, random: Random, _: int) -> list[list[Call]]:
        target = self._earlier(random)
        if target is None:
            return []
        arguments = ["op", "wait", target, "--timeout", "10s", "-o", "json"]
        return [[Call("wait", "enqueuer", arguments, targets=[target])]]

    def _look(self, random: Random, _: int) -> list[list[Call]]:
        target = self._earlier(random)
        looks = [["queue", "list"], ["status"], ["op", "list", "--limit", "50"], ["node", "list"]]
        if target:
            looks += [["op", "show", target], ["op", "explain", target]]
        arguments = random.choice(looks)
        return [[Call("look", "reader", [*arguments, "-o", "json"], targets=[" ".join(arguments[:2])])]]
