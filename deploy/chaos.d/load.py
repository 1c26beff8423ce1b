"""The callers of a run: threads, each of which runs one clusterctl after another."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable

from cluster import Cluster
from history import Writer
from calls import DECK_SIZE, Call, Generator

# A call that is not over by then hangs, which no call may; the longest that one waits by itself is a minute.
CALL_LIMIT = 180.0
# An insisting call is said again this many times; the pause between two is half a second.
MOST_TRIES = 400
# What the callers ask for ahead of what has ended: as much as shows how a backlog is drained, and no more.
MOST_WAITING = 1500


@dataclass
class Answer:
    """How a call has ended."""

    code: int
    output: str
    error: str


class Load:
    """Asks for a number of operations, and for more until it may end, from several callers at once."""

    def __init__(
        self,
        cluster: Cluster,
        writer: Writer,
        seed: int,
        operations: int,
        largest: int,
        may_end: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._writer = writer
        self._operations = operations
        self._largest = largest
        self._may_end = may_end
        self._generations: dict[str, int] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._calls = 0
        self.over = threading.Event()
        self.requested = 0
        self.waiting = 0
        self.kinds: Counter[str] = Counter()
        self.generator = Generator(seed, cluster.nodes, cluster.networks, self._raise_generation)

    def _raise_generation(self, network: str) -> int:
        # Callers change what is wanted, and then ask for it to be applied.
        with self._lock:
            generation = self._generations.get(network, 0) + 1
            self._generations[network] = generation
            path = self._cluster.directory / "wanted" / network
            new = path.with_suffix(".new")
            new.write_text(f"{generation}\n")
            new.replace(path)
        return generation

    def run(self, callers: int) -> None:
        """Runs the callers until all is asked for, or `over` is set."""
        threads = [threading.Thread(target=self._caller, daemon=True) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _caller(self) -> None:
        while not self.over.is_set():
            if self.waiting > MOST_WAITING:
                self.over.wait(0.2)
                continue
            with self._lock:
                if self.requested >= self._operations and self._next >= DECK_SIZE and self._may_end():
                    return
                number = self._next
                self._next += 1
            kind, lines = self.generator.calls(number, self._largest)
            with self._lock:
                self.kinds[kind] += bool(lines)
            others = [threading.Thread(target=self._say, args=(line,), daemon=True) for line in lines[1:]]
            for other in others:
                other.start()
            for line in lines[:1]:
                self._say(line)
            for other in others:
                other.join()

    def _say(self, line: list[Call]) -> None:
        for call in line:
            if call.pause:
                self.over.wait(call.pause)
            for _ in range(MOST_TRIES if call.insists else 1):
                code = self.perform(call).code
                if code == 5:
                    # The server is away. Callers that hammer at it would only make the run's figures of requests.
                    time.sleep(0.5)
                if code == 0 or not call.insists:
                    break

    def perform(self, call: Call) -> Answer:
        """Runs one call, and writes down when it began and how it ended."""
        with self._lock:
            number = self._calls
            self._calls += 1
        # Two of three calls go through the proxy, in which they may be cut.
        way = "direct" if number % 3 == 0 else "proxy"
        self._writer.say(
            "call", str(number), "begin", verb=call.verb, targets=call.targets,
            requests=[request.short() for request in call.requests],
        )  # fmt: skip
        process = subprocess.Popen(
            [str(self._cluster.programs / "clusterctl"), *call.arguments],
            stdin=subprocess.PIPE if call.document else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env=self._cluster.environment(f"{call.role}-{way}", f"c{number}"),
        )  # fmt: skip
        killed = False
        try:
            output, error = process.communicate(call.document, call.killed_after or CALL_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            output, error = process.communicate()
            # One that has ended by itself meanwhile was late, or its machine stood still.
            killed = process.returncode == -signal.SIGKILL
        code = process.returncode
        self._writer.say(
            "call", str(number), "end", code=code, killed=killed and call.killed_after is not None,
            hung=killed and call.killed_after is None, answer=_answer(call, code, output),
            error=error.strip()[:300] if code else "",
        )  # fmt: skip
        with self._lock:
            for request in call.requests:
                if code == 0:
                    self.requested += request.count
                    if request.id:
                        self.generator.asked.append(request.id)
            if len(self.generator.asked) > 4000:
                del self.generator.asked[:2000]
        return Answer(code, output, error)


def _answer(call: Call, code: int, output: str) -> Any:
    """What the checker needs of an answer; the rest would fill the history."""
    try:
        answer = json.loads(output)
    except ValueError:
        return None
    if call.verb == "submit":
        return {"items": len(answer.get("items", []))}
    if call.verb == "look":
        if call.targets == ["queue list"] or call.targets == ["status"]:
            return {}
        return {"state": answer.get("state")} if isinstance(answer, dict) else {}
    if call.verb in ("pause", "resume", "drain", "undrain"):
        return {}
    keys = (
        "uuid",
        "deduplicated",
        "count",
        "first_uuid",
        "state",
        "aborted",
        "unfolded",
        "items",
        "cancelled",
        "retried",
    )
    return {key: answer[key] for key in keys if key in answer} if code is not None else None
