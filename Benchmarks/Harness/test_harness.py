"""Tests of what a reader of docs/performance.md relies on: `python3 -m unittest discover -s Benchmarks/Harness`."""

import contextlib
import importlib.util
import io
import json
import os
import shutil
import tempfile
import unittest

import report
import workloads
from contestants import Workers
from processes import Failed
from servers import MariaDB, NotDurable, PostgreSQL
from workloads import FULL, QUICK, TINY, Unequal, Workload

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
specification = importlib.util.spec_from_file_location("harness", f"{HERE}/__main__.py")
harness = importlib.util.module_from_spec(specification)
specification.loader.exec_module(harness)


def record(workload, contestant, rate, **more):
    """Returns the record of one run."""
    return {"workload": workload, "contestant": contestant, "rate": rate, **more}


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

    key, done, left = "fake", "done", "left"

    def __init__(self, jobs, done, left):
        self.database, self.jobs = FakeServer(), jobs
        self.answers = iter([0, jobs, done, left])

    def fill(self, _):
        pass

    def workers(self, _):
        return FakeWorkers()

    def count(self, _):
        return next(self.answers)

    def is_over(self, _):
        return True


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
