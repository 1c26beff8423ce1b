"""A proxy before the database server that cuts connections at chosen statements; a program of its own.

It knows as much of the protocol as it takes to see statements: where a command's packet ends, and what a prepared
statement's number stands for. A connection is cut in one of two places: before the server has the statement, or after
it has executed it and before the caller has the answer. Statements that were cut the least are cut the most.

usage: proxy.py LISTEN-PORT SERVER-PORT HISTORY SEED; orders come by lines on stdin, and its end is the proxy's end:
  cut SHARE      cut this share of all statements, 0 for none
  stall SECONDS  pass nothing on for that long, and close nothing
  refuse SECONDS close all connections, and each new one at once
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from history import Writer

QUERY, PREPARE, EXECUTE, BULK_EXECUTE = 0x03, 0x16, 0x17, 0xFA
LAST_PREPARED = 0xFFFFFFFF
PIECE = 1 << 16


def name(statement: str) -> str:
    """A statement's text without what differs from call to call."""
    text = re.sub(r"'[^']*'|\b\d+(\.\d+)?\b", "?", statement)
    text = re.sub(r"\?(\s*,\s*\?)+", "?", text)
    text = re.sub(r"\(\?\)(\s*,\s*\(\?\))+", "(?)", text)
    return " ".join(text.split())[:160]


class CutPolicy:
    """Decides where to cut; pure but for its random numbers."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.share = 0.0
        self.seen: Counter[str] = Counter()
        self.cuts: Counter[tuple[str, str]] = Counter()

    def phase(self, statement: str) -> str | None:
        """Where to cut this execution of a statement: 'before', 'after' or not at all."""
        self.seen[statement] += 1
        if self.share <= 0:
            return None
        phase = self._random.choice(("before", "after"))
        # A statement that has not been cut there yet is worth many that have.
        chance = self.share * (1 + 12 / (1 + self.cuts[statement, phase]))
        if self._random.random() >= chance:
            return None
        self.cuts[statement, phase] += 1
        return phase


class Connection:
    """One caller and its connection to the server."""

    def __init__(self, caller: socket.socket, server: socket.socket) -> None:
        self.caller = caller
        self.server = server
        self._buffer = bytearray()
        self._prepared: dict[int, str] = {}
        self._asked: str | None = None
        self._last = 0
        self.cut_at_answer: str | None = None

    def statements(self, data: bytes) -> list[tuple[int, str | None]]:
        """The packets that have become whole: how many bytes each has, and its statement if it executes one."""
        self._buffer += data
        whole = []
        while len(self._buffer) >= 4:
            length = 4 + int.from_bytes(self._buffer[:3], "little")
            if len(self._buffer) < length:
                break
            packet = bytes(self._buffer[4 : min(length, 4 + 8192)])
            whole.append((length, self._statement(packet) if self._buffer[3] == 0 and packet else None))
            del self._buffer[:length]
        return whole

    def _statement(self, packet: bytes) -> str | None:
        command = packet[0]
        if command == QUERY:
            return name(packet[1:].decode("utf-8", "replace"))
        if command == PREPARE:
            self._asked = name(packet[1:].decode("utf-8", "replace"))
        elif command in (EXECUTE, BULK_EXECUTE):
            number = struct.unpack_from("<I", packet, 1)[0]
            return self._prepared.get(self._last if number == LAST_PREPARED else number, "an unknown statement")
        return None

    def answered(self, data: bytes) -> None:
        """Takes the number of a statement that was prepared from the server's answer."""
        if self._asked is not None and len(data) >= 9 and data[4] == 0:
            self._last = struct.unpack_from("<I", data, 5)[0]
            self._prepared[self._last] = self._asked
        self._asked = None


class Proxy:
    """Passes bytes on between callers and the server."""

    def __init__(self, port: int, server: int, writer: Writer, seed: int) -> None:
        self._server = ("127.0.0.1", server)
        self._writer = writer
        self._policy = CutPolicy(seed)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._connections: set[Connection] = set()
        self._refused_until = self._stalled_until = 0.0
        self._orders = b""
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(0, selectors.EVENT_READ, "orders")

    def run(self) -> None:
        """Works until stdin ends."""
        while True:
            stall = self._stalled_until - time.monotonic()
            if stall > 0:
                # The fault that was ordered: a network that delivers nothing.
                time.sleep(stall)
            for key, _ in self._selector.select():
                if key.data == "orders":
                    if not self._obey():
                        return
                elif key.data is None:
                    self._accept()
                elif key.data in self._connections:
                    self._pass_on(key.data, key.fileobj)

    def _obey(self) -> bool:
        data = os.read(0, 4096)
        if not data:
            self._writer.say("proxy", "statements", "end", seen=self._policy.seen)
            return False
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            order, value = line.split()
            if order == b"cut":
                self._policy.share = float(value)
            elif order == b"stall":
                self._stalled_until = time.monotonic() + float(value)
            elif order == b"refuse":
                self._refused_until = time.monotonic() + float(value)
                for connection in list(self._connections):
                    self._close(connection)
        return True

    def _accept(self) -> None:
        caller, _ = self._listener.accept()
        if time.monotonic() < self._refused_until:
            caller.close()
            return
        try:
            server = socket.create_connection(self._server, timeout=5)
        except OSError:
            caller.close()
            return
        connection = Connection(caller, server)
        for end in (caller, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.settimeout(5)  # a peer that takes nothing for that long is not coming back
            self._selector.register(end, selectors.EVENT_READ, connection)
        self._connections.add(connection)

    def _pass_on(self, connection: Connection, source: object) -> None:
        try:
            data = source.recv(PIECE)  # type: ignore[attr-defined]
            if not data:
                self._close(connection)
            elif source is connection.server:
                connection.answered(data)
                if connection.cut_at_answer:
                    self._cut(connection, "after", connection.cut_at_answer)
                else:
                    connection.caller.sendall(data)
            else:
                self._pass_statements(connection, data)
        except OSError:
            self._close(connection)

    def _pass_statements(self, connection: Connection, data: bytes) -> None:
        for _, statement in connection.statements(data):
            phase = self._policy.phase(statement) if statement else None
            if phase == "before":
                self._cut(connection, phase, statement or "")
                return
            if phase == "after":
                connection.cut_at_answer = statement
        connection.server.sendall(data)

    def _cut(self, connection: Connection, phase: str, statement: str) -> None:
        self._writer.say("cut", phase, "end", statement=statement)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._connections.discard(connection)
        for end in (connection.caller, connection.server):
            try:
                self._selector.unregister(end)
            except KeyError:
                continue
            end.close()


if __name__ == "__main__":
    Proxy(int(sys.argv[1]), int(sys.argv[2]), Writer(Path(sys.argv[3])), int(sys.argv[4])).run()
