"""Tests of what a reader of docs/performance.md relies on: `python3 -m unittest discover -s Benchmarks/Harness`."""

import contextlib
import glob
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest

import report
import workloads
from contestants import Load, Ours, Workers
from processes import Failed, Gated
from servers import MariaDB, Network, NotDurable, PostgreSQL
from workloads import FULL, QUICK, TINY, Unequal, Workload

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
specification = importlib.util.spec_from_file_location("harness", f"{HERE}/__main__.py")
harness = importlib.util.module_from_spec(specification)
specification.loader.exec_module(harness)


def record(workload, contestant, rate, **more):
    """Returns the record of one run."""
    return {"workload": workload, "contestant": contestant, "rate": rate, **more}


def own(workload, *figures):
    """Returns the record of a benchmark of ours alone: of name, value and bound each."""
    found = [{"name": name, "value": value, "unit": "x", **bound} for name, value, bound in figures]
    return {"workload": workload, "contestant": "clusterops", "figures": found}


def data(*records, failures=()):
    """Returns figures as a run leaves them."""
    sizes = [{"key": key, "kind": "drain", "jobs": 10, "limit": 10.0} for key in report.TITLES]
    return {
        "rounds": 1, "machine": {"processor": "p"}, "load": ["0.1", "0.2"], "is_small": False, "cores": 2,
        "servers": {}, "packages": {},
        "workloads": sizes, "failures": list(failures), "records": list(records),
    }  # fmt: skip


class DocumentTests(unittest.TestCase):
    """docs/performance.md and its plots."""

    def test_document_is_what_its_figures_make_of_it(self):
        self.assertEqual(harness.check(ROOT), 0)

    def test_a_document_that_says_something_else_is_noticed(self):
        for file in ("performance.md", "performance-drain.svg"):
            with tempfile.TemporaryDirectory() as copy:
                shutil.copytree(f"{ROOT}/docs", f"{copy}/docs")
                with open(f"{copy}/docs/{file}", encoding="utf-8") as document:
                    text = document.read()
                wrong = (
                    text.replace("/s</text>", "1/s</text>")
                    if file.endswith("svg")
                    else text.replace("| jobs/s |", "| jobs |")
                )
                self.assertNotEqual(text, wrong)
                with open(f"{copy}/docs/{file}", "w", encoding="utf-8") as document:
                    document.write(wrong)
                with contextlib.redirect_stderr(io.StringIO()) as said:
                    self.assertEqual(harness.check(copy), 1)
                self.assertIn(file, said.getvalue())

    def test_what_people_wrote_stays(self):
        document = f"# Title\nwords\n{report.BEGIN}\nold\n{report.END}\nmore words\n"
        new = report.replaced(document, report.render(data(record("drain-1", "floor", 1.0))))
        self.assertTrue(new.startswith("# Title\nwords\n") and new.endswith("\nmore words\n"))
        self.assertNotIn("\nold\n", new)

    def test_who_failed_is_named(self):
        failure = {"workload": "drain-1", "contestant": "chancy", "why": "it is not there"}
        self.assertIn("it is not there", report.render(data(record("drain-1", "floor", 1.0), failures=[failure])))

    def test_a_busy_machine_and_small_sizes_are_told(self):
        figures = data(record("drain-1", "floor", 1.0))
        self.assertNotIn("**Measured", report.render(figures))
        self.assertIn("**Measured on a busy machine**", report.render({**figures, "load": ["0.6", "3.0"]}))
        self.assertIn("**Measured with small sizes**", report.render({**figures, "is_small": True}))

    def test_every_workload_has_a_title(self):
        for workload in FULL + QUICK + TINY:
            self.assertIn(workload.key, report.TITLES)

    def test_what_another_run_adds_takes_the_place_of_its_own_workloads_alone(self):
        def run(day, *keys):
            found = data(*(record(key, "clusterops", day) for key in keys))
            found["workloads"] = [size for size in found["workloads"] if size["key"] in keys]
            return {**found, "machine": {"measured": f"day {day}", "commit": f"c{day}"}, "load": [f"0.{day}", "0"]}

        first = harness.added(run(1, "drain-1", "drain-16", "latency"), run(2, "latency", "enqueue-1"))
        both = harness.added(first, run(3, "drain-16"))
        self.assertEqual([one["key"] for one in both["workloads"]], ["drain-1", "drain-16", "enqueue-1", "latency"])
        rates = {one["workload"]: one["rate"] for one in both["records"]}
        self.assertEqual(rates, {"drain-1": 1, "drain-16": 3, "enqueue-1": 2, "latency": 2})
        of = {one["commit"]: one["workloads"] for one in both["earlier"]}
        self.assertEqual(of, {"c1": ["drain-1"], "c2": ["enqueue-1", "latency"]})
        notes = "\n".join(report.notes(both))
        self.assertIn("day 1, commit c1, load 0.1 → 0:\n- Drain, batch 1", notes)
        self.assertNotIn("day 3", notes)

    def test_written_figures_are_read_back(self):
        with tempfile.TemporaryDirectory() as root:
            harness.write(data(record("drain-1", "floor", 2.5), record("drain-1", "clusterops", 2.0)), root)
            self.assertEqual(harness.check(root), 0)
            with open(f"{root}/{harness.DATA}", encoding="utf-8") as file:
                self.assertEqual(len(json.load(file)["records"]), 2)


class FigureTests(unittest.TestCase):
    """Medians, ratios and goals."""

    def test_the_median_round_is_shown_with_the_least_and_the_most(self):
        rows = report.rates(
            report.Figures(data(*(record("drain-1", "floor", rate) for rate in (30.0, 10.0, 20.0)))), "drain-1"
        )
        self.assertIn("| 0 | 20.0 | 10.0 | 30.0 | 1.00 |", rows)

    def test_the_best_peer_is_neither_ours_nor_the_floor(self):
        records = [
            record("drain-1", *pair) for pair in (("floor", 9.0), ("clusterops", 8.0), ("chancy", 3.0), ("dbos", 4.0))
        ]
        self.assertEqual(report.Figures(data(*records)).best_peer("drain-1", "rate"), 4.0)

    def test_a_goal_is_met_missed_or_not_measured(self):
        for ours, word in ((70.0, "| met |"), (69.0, "| **missed** |")):
            rows = report.goals(
                report.Figures(data(record("drain-100", "floor", 100.0), record("drain-100", "clusterops", ours)))
            )
            row = next(line for line in rows.splitlines() if line.startswith("| drain at batch 100 against the floor"))
            self.assertTrue(row.endswith(word), row)
        self.assertNotIn("| met |", report.goals(report.Figures(data())))

    def test_a_workload_behind_a_network_is_compared_with_the_one_without(self):
        near, far = record("drain-1", "floor", 100.0), record("drain-1-far", "floor", 25.0, round_trips=6.0)
        rows = report.rates(report.Figures(data(near, far)), "drain-1-far").splitlines()
        self.assertTrue(rows[0].endswith("| statements | round trips | × without network |"), rows[0])
        self.assertTrue(rows[2].endswith("| – | 6.00 | 0.25 |"), rows[2])
        self.assertNotIn("network", report.rates(report.Figures(data(near)), "drain-1"))

    def test_plots_leave_out_what_is_behind_a_network(self):
        figures = report.Figures(data(record("drain-1", "floor", 1.0), record("drain-1-far", "floor", 1.0)))
        (plot,) = report.plots(figures)
        self.assertNotIn(report.TITLES["drain-1-far"], plot[2])

    def test_figures_of_ours_alone_are_shown_with_their_bounds(self):
        records = [own("claim", ("ratio", value, {"atMost": 2})) for value in (3.0, 1.0, 2.0)]
        document = report.render(data(*records))
        self.assertIn("| ratio, x | 2.00 | 1.00 | 3.00 | ≤ 2 | met |", document)
        missed = report.render(data(own("claim", ("ratio", 1.9, {"atLeast": 2}), ("other", 1.0, {}))))
        self.assertIn("| ratio, x | 1.90 | 1.90 | 1.90 | ≥ 2 | **missed** |", missed)
        self.assertIn("| other, x | 1.00 | 1.00 | 1.00 |  |  |", missed)

    def test_what_is_no_number_meets_no_bound(self):
        document = report.render(data(own("claim", ("ratio", None, {"atMost": 2}))))
        self.assertIn("| ratio, x | – | – | – | ≤ 2 | not measured |", document)

    def test_goals_of_ours_alone_are_judged(self):
        text, workload, name, limit, _ = report.ALONE[3]
        rows = report.goals(report.Figures(data(own(workload, (name, limit + 1.0, {})))))
        self.assertIn(f"| {text} | ≤ {limit} | {limit + 1.0:.2f} | **missed** |", rows)

    def test_goals_of_ours_alone_are_figures_that_the_engine_measures(self):
        names = []
        for path in glob.glob(f"{ROOT}/Benchmarks/Engine/*.swift"):
            with open(path, encoding="utf-8") as file:
                names += re.findall(r'"((?:[^"\\]|\\\((?:[^()]|\([^()]*\))*\))*)"', file.read())
        # What is put in between is known to the program only; where that is nearly all, anything would do.
        parts = [re.split(r"\\\(.*?\)", name) for name in names]
        forms = [".+".join(map(re.escape, part)) for part in parts if len("".join(part)) > 8]
        for _, workload, name, *_ in report.ALONE:
            self.assertTrue(any(re.fullmatch(form, name) for form in forms), name)
            self.assertIn(workload, [one.key for one in FULL if one.kind == "alone"])

    def test_a_quantile_is_one_of_the_values(self):
        self.assertEqual(workloads.quantile([3, 1, 2], 0.5), 2)
        self.assertEqual(workloads.quantile(list(range(1, 101)), 0.99), 99)
        self.assertEqual(workloads.quantile(list(range(1, 11)), 0.99), 10)
        self.assertEqual(workloads.quantile([5], 0.99), 5)


class FakeServer:
    """A server that says what it is told to, one answer a question."""

    counts_statements = False

    def __init__(self):
        self.process = self
        self.pid = 0

    def statements(self):
        return 0

    def fresh(self):
        pass


class FakeWorkers:
    """Workers who have nothing to do."""

    def go(self):
        self.is_going = True

    def began(self, _):
        return workloads.time.time() - 1

    def seconds(self, _):
        return 0.0

    def stop(self):
        self.is_going = False


class FakeContestant:
    """A queue whose database says after the drain what a test has it say."""

    key, done, left, most = "fake", "done", "left", 10

    def __init__(self, jobs, done, left):
        self.database, self.jobs = FakeServer(), jobs
        self.answers = iter([0, jobs, done, left])

    def fill(self, _):
        pass

    def setup(self):
        pass

    def workers(self, *_):
        return FakeWorkers()

    def round_trips(self):
        return None

    def count(self, _):
        return next(self.answers)

    def is_over(self, _):
        return True


class FakeLoad(FakeWorkers):
    """A load of 20 jobs, and who enqueues one job beside it."""

    def begin(self):
        self.is_going = True

    def end(self, _):
        return 20, 400.0

    def ready(self):
        return self

    def document(self, _):
        return {"asked": [1.0], "ended": [1.5]}


class FakeProgram:
    """A worker that has said one line, or nothing."""

    def __init__(self, line):
        self.said = line

    def ready(self):
        return self

    def line_so_far(self):
        return self.said

    def talk(self):
        return "nothing"


class BeginningTests(unittest.TestCase):
    """The moment from which a drain is measured."""

    def test_it_is_the_first_start_of_all_workers(self):
        workers = Workers([FakeProgram("first 7.5"), FakeProgram("first 5.5")])
        self.assertEqual(workers.began(60), 5.5)

    def test_a_worker_that_gets_no_job_holds_nothing_up(self):
        self.assertEqual(Workers([FakeProgram(None), FakeProgram("first 5.5")]).began(60), 5.5)

    def test_workers_that_all_get_no_job_have_failed(self):
        with self.assertRaises(Failed):
            Workers([FakeProgram(None), FakeProgram(None)]).began(0.01)


class RoundTests(unittest.TestCase):
    """What is measured in a round, and of whom."""

    def test_what_takes_minutes_is_measured_once(self):
        workloads = [Workload("drain-1", "drain", 10), Workload("bulk", "alone", is_once=True)]
        self.assertEqual([len(harness.due(workloads, number)) for number in range(3)], [2, 1, 1])

    def test_some_workloads_are_for_some(self):
        some = Workload("drain-1", "drain", 10, only=("other",))
        contestant = types.SimpleNamespace(key="fake", takes_batches=True)
        self.assertFalse(some.suits(contestant))
        contestant.key = "other"
        self.assertTrue(some.suits(contestant))

    def test_figures_beyond_their_bounds_are_figures_and_a_benchmark_that_breaks_off_has_failed(self):
        with tempfile.TemporaryDirectory() as programs:
            ours = Ours(types.SimpleNamespace(programs=programs))
            program = f"{programs}/clusterops-bench-engine"
            for script, is_good in (
                ("echo '[{\"name\": \"a\", \"value\": 1}]'; exit 1", True), ("echo '[]'", True),
                ("echo no server >&2; exit 1", False), ("echo '[]'; exit 70", False),
            ):  # fmt: skip
                with open(program, "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\n{script}\n")
                os.chmod(program, 0o755)
                if is_good:
                    self.assertIsInstance(Workload("bulk", "alone").measure(ours)["figures"], list)
                else:
                    with self.assertRaises(Failed):
                        ours.alone(("promises",))


class LoadTests(unittest.TestCase):
    """The load beside which latency is measured."""

    def test_a_load_comes_in_calls_of_a_hundredth_of_a_second(self):
        for batches, size, every in ((True, 8, "0.010000"), (False, 1, "0.001250")):
            started = {}
            contestant = types.SimpleNamespace(
                enqueues_batches=batches, gated=lambda *role, started=started, **more: started.update(role=role, **more)
            )
            self.assertEqual(Load(contestant, 800).size, size)
            self.assertEqual((started["role"][0], started["role"][2], started["BENCH_EVERY"]), ("enqueue", size, every))

    def test_a_load_keeps_its_pace_and_ends_when_it_is_told_to(self):
        program = "import part\ncalls = part.Calls()\nwhile True:\n    with calls:\n        pass"
        places = {"BENCH_EVERY": "0.05", "PYTHONPATH": f"{ROOT}/Benchmarks/Peers"}
        with tempfile.NamedTemporaryFile() as log:
            load = Gated([sys.executable, "-c", program], places, log.name)
            try:
                load.ready().go()
                # Long enough for some calls.
                time.sleep(0.3)
                load.go()
                document = load.document(60)
            finally:
                load.stop()
            # On a busy machine the second line may come before the first is read.
            hasty = Gated([sys.executable, "-c", program], places, log.name)
            try:
                hasty.ready()
                hasty.process.stdin.write(b"go\ngo\n")
                hasty.process.stdin.flush()
                hasty.document(60)
            finally:
                hasty.stop()
        most = (document["end"] - document["begin"]) / 0.05 + 1
        self.assertTrue(1 <= len(document["calls"]) <= most, document)

    def test_jobs_of_a_load_are_counted_too(self):
        half = Workload("latency-half", "latency", 1, load=0.5)
        for done, left, is_right in ((21, 0, True), (20, 0, False), (21, 1, False), (22, 0, False)):
            contestant = FakeContestant(10, 10, 0)
            contestant.answers = iter([0, 10, 10, 0, done, left])
            rates = []
            contestant.load = lambda rate, rates=rates: rates.append(rate) or FakeLoad()
            contestant.latency = lambda _: (FakeWorkers(), FakeLoad())
            contestant.place = types.SimpleNamespace(forget_starts=lambda: None, read_starts=lambda: [1.25])
            if is_right:
                figures = workloads.latency(half, contestant)
                self.assertEqual((figures["start_p50_ms"], figures["end_p50_ms"], figures["load"]), (250, 500, 400.0))
                # Ten jobs in the second since the first start, which the fake workers tell of.
                self.assertTrue(0 < rates[0] <= 5, rates)
            else:
                with self.assertRaises(Unequal):
                    workloads.latency(half, contestant)


class NetworkTests(unittest.TestCase):
    """The network between queue and server."""

    latency = 20_000  # in µs: much beside what a busy machine takes for a byte

    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.built)
        subprocess.run(
            [shutil.which("gcc") or shutil.which("clang"), "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra",
             "-Werror", f"{ROOT}/Benchmarks/Delay/delay.c", "-o", f"{cls.built}/delay"], check=True)  # fmt: skip

    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        server = types.SimpleNamespace(
            directory=f"{self.directory}/server", socket_name="socket", socket=f"{self.directory}/socket"
        )
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(server.socket)
        self.listener.listen()
        threading.Thread(target=self.echo, daemon=True).start()
        self.network = Network(f"{self.built}/delay", server, self.latency)
        self.addCleanup(self.network.stop)
        self.client = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.client.close)
        self.client.settimeout(60)
        self.client.connect(self.network.socket)

    def echo(self):
        """Answers what one client says, unless that ends in a dash and goes on, until it says no more."""
        connection, _ = self.listener.accept()
        said = b""
        while text := connection.recv(1 << 16):
            said += text
            if not said.endswith(b"-"):
                connection.sendall(said)
                said = b""
        connection.close()

    def ask(self, text):
        """Returns as many bytes as were sent."""
        self.client.sendall(text)
        answer = b""
        while len(answer) < len(text):
            answer += self.client.recv(1 << 16)
        return answer

    def test_each_round_trip_takes_its_latency_and_is_counted(self):
        for number in range(1, 4):
            begin = time.monotonic()
            self.assertEqual(self.ask(b"x"), b"x")
            self.assertGreaterEqual(time.monotonic() - begin, self.latency / 1e6)
            self.assertEqual(self.network.round_trips(), number)

    def test_what_is_sent_before_an_answer_is_one_round_trip(self):
        self.client.sendall(b"x-")
        while not self.network.round_trips():
            # It has come when it is counted.
            time.sleep(0.001)
        self.client.sendall(b"y")
        self.assertEqual(self.client.recv(1 << 16), b"x-y")
        self.assertEqual(self.network.round_trips(), 1)

    def test_everything_arrives_and_in_its_order(self):
        text = bytes(range(256)) * 4096
        # Nobody reads the answer yet, which is more than what all buffers on its way hold.
        self.client.sendall(text)
        answer = b""
        while len(answer) < len(text):
            answer += self.client.recv(1 << 16)
        self.assertTrue(answer == text)

    def test_an_end_is_handed_on(self):
        self.ask(b"x")
        self.client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.client.recv(1), b"")


class HonestyTests(unittest.TestCase):
    """What makes a run fail."""

    def test_all_jobs_are_found_in_the_database(self):
        figures = workloads.drain(Workload("drain-1", "drain", 10), FakeContestant(10, done=10, left=0))
        self.assertEqual(figures["done"], 10)

    def test_a_job_that_is_lost_or_done_twice_or_only_said_to_be_done_fails_the_run(self):
        for done, left in ((9, 0), (11, 0), (9, 1)):
            with self.assertRaises(Unequal):
                workloads.drain(Workload("drain-1", "drain", 10), FakeContestant(10, done, left))

    def test_jobs_that_were_never_enqueued_fail_the_run(self):
        contestant = FakeContestant(10, 10, 0)
        contestant.answers = iter([0, 9])
        with self.assertRaises(Unequal):
            workloads.drain(Workload("drain-1", "drain", 10), contestant)

    def test_a_server_that_answers_before_the_disk_has_it_fails_the_run(self):
        for server, weaker in (
            (MariaDB, {"innodb_flush_log_at_trx_commit": "2"}), (MariaDB, {"innodb_doublewrite": "OFF"}),
            (PostgreSQL, {"fsync": "off"}), (PostgreSQL, {"synchronous_commit": "off"}),
        ):  # fmt: skip
            made = server("/nowhere")
            made.query = lambda _: []
            made.settings = lambda server=server: dict(server.durable)
            made.check()
            made.settings = lambda server=server, weaker=weaker: {**server.durable, **weaker}
            with self.assertRaises(NotDurable):
                made.check()

    def test_a_table_that_a_crash_empties_fails_the_run(self):
        server = PostgreSQL("/nowhere")
        server.settings = lambda: dict(server.durable)
        server.query = lambda _: [("p",)]
        server.check(["jobs"])
        server.query = lambda _: [("u",)]
        with self.assertRaises(NotDurable):
            server.check(["jobs"])


if __name__ == "__main__":
    unittest.main()
