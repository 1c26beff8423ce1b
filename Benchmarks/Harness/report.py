"""The document: tables and plots that are made of the figures of a run and nothing else."""

import statistics

from contestants import ALL
from plots import bars

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
OURS, FLOOR = "clusterops", "floor"
TITLES = {
    "drain-1": "Drain, batch 1", "drain-16": "Drain, batch 16", "drain-100": "Drain, batch 100",
    "drain-500": "Drain, batch 500", "drain-single": "Drain, by queues that take one job at a time",
    "enqueue-1": "Enqueue, one caller, one job a call", "enqueue-1000": "Enqueue, one caller, 1,000 jobs a call",
    "enqueue-8": "Enqueue, 8 callers, one job a call", "latency": "Latency of one job in an idle queue",
    "latency-half": "Latency of one job at half load",
    "drain-1-far": "Drain, batch 1, behind a network", "drain-16-far": "Drain, batch 16, behind a network",
    "drain-100-far": "Drain, batch 100, behind a network",
    "enqueue-1-far": "Enqueue, one caller, one job a call, behind a network",
    "latency-far": "Latency of one job in an idle queue, behind a network",
    "trips": "Round trips", "coalesce": "A storm of duplicates", "pipeline": "A pipeline of 3,001, and a chain",
    "claim": "Claims out of a long backlog, and by many at once", "bulk": "A million, enqueued and drained",
    "status": "Overviews of a large cluster", "callers": "A hundred overviews at once",
    "networks": "An overview of many networks",
    "list": "Questions about many operations", "scale-100": "100 nodes at rest",
    "scale-1000": "1,000 nodes at rest", "scale-2000": "2,000 nodes at rest",
}  # fmt: skip
FAR = "-far"  # at the end of the key of a workload behind a network
# What is asked of benchmarks of ours alone: in words, workload, figure, bound, and whether that is the least.
ALONE = (
    ("round trips of an enqueue", "trips", "enqueue: round trips", 2, False),
    ("round trips of a claim", "trips", "claim of 100 with its look: round trips", 4, False),
    ("round trips of the end of a batch", "trips", "end of 100: round trips", 5, False),
    ("claim out of 1,000,000 against 1,000", "claim", "claim: large backlog against small", 1.3, False),
    ("128 claimers against 8", "claim", "128 claimers against 8", 0.8, True),
    ("empty claims of 128 claimers, %", "claim", "128 claimers: claims that came away empty", 10, False),
    ("256 claimers against 8", "claim", "256 claimers against 8", 0.8, True),
    ("empty claims of 256 claimers, %", "claim", "256 claimers: claims that came away empty", 10, False),
    ("last tenth of a million against the first", "bulk", "drain of 1000000: last tenth against first", 0.8, True),
    ("`status` of 2,000 nodes, ms", "status", "status of 2,000 nodes", 20, False),
    ("the same with 5,000 networks, ms", "networks", "status of 2,000 nodes, 5,000 networks", 20, False),
    ("cores of the database, 2,000 nodes at rest", "scale-2000", "2000 nodes: processors that the database uses", 0.25,
     False),
    ("statements a renewal, 2,000 nodes", "scale-2000", "2000 nodes: statements a renewal", 2, False),
    ("connections, 2,000 nodes", "scale-2000", "2000 nodes: connections at most", 4500, False),
    ("work of a killed process is back, s, 2,000 nodes", "scale-2000", "2000 nodes, 1 killed: their work is back", 12,
     False),
)  # fmt: skip
ALONE_TEXT = (
    "Benchmarks of the engine (`clusterops-bench-engine promises` and `scale`), each on a database server of its own"
    "\nthat has its COMMITs on the disk and serves its connections by a pool of threads, as"
    "\n`deploy/mariadb/clusterops.cnf` has it. No peer takes part."
)
NAMES = {contestant.key: contestant.name for contestant in ALL}


class Figures:
    """The records of a run, by workload and contestant."""

    def __init__(self, data):
        self.data = data
        self.records = {}
        self.alone = {}  # by workload and name: what each round has found
        for record in data["records"]:
            for figure in record.get("figures", ()):
                self.alone.setdefault(record["workload"], {}).setdefault(figure["name"], []).append(figure)
            if "figures" in record:
                continue
            self.records.setdefault(record["workload"], {}).setdefault(record["contestant"], []).append(record)

    def all(self, workload, contestant, figure):
        """Returns a figure of every round; empty when it was not measured."""
        records = self.records.get(workload, {}).get(contestant, [])
        return [record[figure] for record in records if record.get(figure) is not None]

    def median(self, workload, contestant, figure):
        """Returns the median of all rounds, or nothing."""
        found = self.all(workload, contestant, figure)
        return statistics.median(found) if found else None

    def own(self, workload, name):
        """Returns the median of all rounds of a figure of ours alone, or nothing."""
        found = [figure["value"] for figure in self.alone.get(workload, {}).get(name, ())]
        return statistics.median(found) if found and None not in found else None

    def best_peer(self, workload, figure, better=max):
        """Returns the best median of those who are neither ours nor the floor."""
        peers = [key for key in self.records.get(workload, {}) if key not in (OURS, FLOOR)]
        return better((found for key in peers if (found := self.median(workload, key, figure))), default=None)


def number(value):
    """Returns a value with as many digits as say something."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(value, other):
    """Returns how many times another value a value is."""
    return f"{value / other:.2f}" if value is not None and other else "–"


def table(head, rows):
    """Returns a table in Markdown; the first column is text."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def rates(figures, workload):
    """Returns the table of a drain or an enqueue, best first."""
    is_drain = workload.startswith("drain")
    more = (
        ("server_cpu_ms", "worker_cpu_ms", "statements") if is_drain else ("call_p50_ms", "call_p99_ms", "statements")
    )
    head = ["", "jobs", "jobs/s", "min", "max", "× floor", "× best peer"]
    head += ["server CPU ms", "worker CPU ms", "statements"] if is_drain else ["call p50 ms", "p99 ms", "statements"]
    near = workload.removesuffix(FAR)
    if near != workload:
        head, more = [*head, "round trips", "× without network"], (*more, "round_trips")
    floor, peer = figures.median(workload, FLOOR, "rate"), figures.best_peer(workload, "rate")
    if workload == "drain-single":
        floor = figures.median("drain-1", FLOOR, "rate")
    rows = []
    for key in sorted(figures.records[workload], key=lambda key: -figures.median(workload, key, "rate")):
        found = figures.all(workload, key, "rate")
        middle = statistics.median(found)
        rows.append(
            [NAMES[key], f"{figures.median(workload, key, 'done') or 0:,.0f}", number(middle), number(min(found)),
             number(max(found)), ratio(middle, floor), ratio(middle, peer),
             *(number(figures.median(workload, key, figure)) for figure in more),
             *([ratio(middle, figures.median(near, key, "rate"))] if near != workload else [])])  # fmt: skip
    return table(head, rows)


def latencies(figures, workload):
    """Returns the table of latencies, soonest start first."""
    columns = [f"{what}_{text}_ms" for what in ("start", "end") for text in ("p50", "p99", "max")]
    head = ["", "start p50 ms", "min", "max", "p99", "worst", "× INSERT", "end p50 ms", "p99", "worst"]
    far = FAR if workload.endswith(FAR) else ""
    more = {"latency-half": {"load/s": "load"}, "latency-far": {"round trips": "round_trips"}}.get(workload, {})
    insert = figures.median("enqueue-1" + far, FLOOR, "call_p50_ms")
    rows = []
    for key in sorted(figures.records[workload], key=lambda key: figures.median(workload, key, "start_p50_ms")):
        found = figures.all(workload, key, "start_p50_ms")
        values = {column: figures.median(workload, key, column) for column in columns}
        # The worst is the worst of all rounds.
        for column in ("start_max_ms", "end_max_ms"):
            values[column] = max(figures.all(workload, key, column), default=None)
        rows.append(
            [NAMES[key], number(values["start_p50_ms"]), number(min(found)), number(max(found)),
             number(values["start_p99_ms"]), number(values["start_max_ms"]), ratio(values["start_p50_ms"], insert),
             number(values["end_p50_ms"]), number(values["end_p99_ms"]), number(values["end_max_ms"]),
             *(number(figures.median(workload, key, figure)) for figure in more.values())])  # fmt: skip
    return table([*head, *more], rows)


def owns(figures, workload):
    """Returns the table of a benchmark of ours alone."""
    rows = []
    for name, found in figures.alone[workload].items():
        values = [figure["value"] for figure in found if figure["value"] is not None]
        limit, is_least = limits(found[0])
        bound = "" if limit is None else f"{'≥' if is_least else '≤'} {limit:,g}"
        middle = figures.own(workload, name)
        unit = f", {found[0]['unit']}" if found[0]["unit"] else ""
        rows.append(
            [name + unit, number(middle), number(min(values, default=None)), number(max(values, default=None)),
             bound, verdict(middle, limit, is_least)])  # fmt: skip
    return table(["", "median", "min", "max", "bound", ""], rows)


def limits(figure):
    """Returns the bound of a figure of ours alone, if any, and whether it is the least."""
    return figure.get("atLeast", figure.get("atMost")), "atLeast" in figure


def verdict(found, limit, is_least):
    """Returns whether a bound is kept, in a word."""
    if limit is None:
        return ""
    if found is None:
        return "not measured"
    return "met" if (found >= limit if is_least else found <= limit) else "**missed**"


def goals(figures):
    """Returns what is asked of a run, each with what was measured; what was not measured is not met."""

    def against(workload, other, place=None):
        ours, theirs = figures.median(workload, OURS, "rate"), figures.median(place or workload, other, "rate")
        return ours / theirs if ours and theirs else None

    wanted = []
    for batch in ("100", "500"):
        workload = f"drain-{batch}"
        wanted.append((f"drain at batch {batch} against the floor", against(workload, FLOOR), 0.7, True))
        wanted.append((f"drain at batch {batch} against pgqueuer", against(workload, "pgqueuer"), 1.2, True))
        for key in ("procrastinate", "celery", "field"):
            wanted.append((f"drain at batch {batch} against {key}", against(workload, key, "drain-single"), 10, True))
    wanted.append(("drain at batch 1 against the floor", against("drain-1", FLOOR), 0.85, True))
    insert, start = figures.median("enqueue-1", FLOOR, "call_p50_ms"), figures.median("latency", OURS, "start_p50_ms")
    wanted.append(("start p50 in committed INSERTs", start / insert if start and insert else None, 3, False))
    for text, figure, limit in (
        ("start p99, ms", "start_p99_ms", 3), ("end known p50, ms", "end_p50_ms", 3),
        ("end known p99, ms", "end_p99_ms", 10),
    ):  # fmt: skip
        wanted.append((text, figures.median("latency", OURS, figure), limit, False))
    wanted += [(text, figures.own(workload, name), *bound) for text, workload, name, *bound in ALONE]
    rows = []
    for text, found, limit, is_least in wanted:
        bound = f"≥ {limit:,}" if is_least else f"≤ {limit:,}"
        rows.append([text, bound, number(found), verdict(found, limit, is_least)])
    return table(["of ClusterOps", "asked", "measured", ""], rows)


def setting_table(data):
    """Returns the tables of the machine, the servers and the contestants."""
    lines = [["machine", name, value] for name, value in data["machine"].items()]
    lines.append(["machine", "load before the run, after it", " → ".join(data["load"])])
    for kind, cost in data.get("network", {}).items():
        value = " → ".join(f"{cost[name]:.3f} ms" for name in ("direct", "no latency", "latency"))
        lines.append(["network", f"`SELECT 1` of {kind}: directly → by the program without delay → with it", value])
    lines += [[kind, name, value] for kind, found in data["servers"].items() for name, value in found.items()]
    lines += [["packages", name, value] for name, value in data["packages"].items()]
    rows = "\n".join(f"| {kind} | {name} | {value} |" for kind, name, value in lines)
    taken = "\n".join(f"| {contestant.name} | {contestant.setting} |" for contestant in ALL)
    return "| | | |\n|---|---|---|\n" + rows + "\n\n### How each is set up\n| | |\n|---|---|\n" + taken


def sections(figures):
    """Returns the sections of the workloads that were measured."""
    for workload in figures.data["workloads"]:
        key = workload["key"]
        if key not in figures.records:
            continue
        size = f"{rounds(max(map(len, figures.records[key].values())))} of {workload['jobs']:,} jobs"
        if workload["kind"] == "drain":
            size += f", or of what was done in {workload['limit']:.0f} s"
        is_latency = key.startswith("latency")
        yield f"### {TITLES[key]}\n{size}.\n\n" + (latencies if is_latency else rates)(figures, key)


def rounds(count):
    """Returns of how many rounds a figure is."""
    return "One round" if count == 1 else f"Median of {count} rounds"


def own_sections(figures):
    """Returns the sections of the benchmarks of ours alone."""
    for key, found in figures.alone.items():
        yield f"### {TITLES[key]}\n{rounds(max(map(len, found.values())))}.\n\n{owns(figures, key)}"


def notes(data):
    """Returns what a reader has to know before the figures, if anything."""
    if data["is_small"]:
        yield "**Measured with small sizes** (`--quick`): these figures are for finding mistakes."
    for run in data.get("earlier", ()):
        titles, load = "\n".join(f"- {TITLES[key]}" for key in run["workloads"]), " → ".join(run["load"])
        yield f"**Of an earlier run**, {run['measured']}, commit {run['commit']}, load {load}:\n{titles}"
    # Less than one process beside those of the run itself, which come after the first reading.
    if float(data["load"][0]) > 0.5:
        yield (
            f"**Measured on a busy machine**: its load was {data['load'][0]} on {data['cores']} cores before the run.\n"
            "These figures are of little worth, and so are their ratios."
        )


def render(data):
    """Returns the measured part of the document."""
    figures = Figures(data)
    pictures = "\n".join(f"![{title}]({name})" for name, title, _ in plots(figures))
    alone = [f"## Ours alone\n{ALONE_TEXT}", *own_sections(figures)] if figures.alone else []
    failed = [f"- {NAMES[item['contestant']]}, {TITLES[item['workload']]}: {item['why']}" for item in data["failures"]]
    parts = [
        BEGIN,
        *notes(data), f"## Goals\n{goals(figures)}", f"## Figures\n{pictures}", *sections(figures), *alone,
        "## What failed\n" + ("\n".join(failed) or "Nothing."),
        f"## Machine and settings\n{setting_table(data)}", END,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def plots(figures):
    """Returns the plots: name, title, and SVG."""

    def kind(key):
        return {OURS: "ours", FLOOR: "floor"}.get(key, "peer")

    def rate_rows(workload):
        rows = []
        for key in sorted(figures.records[workload], key=lambda key: -figures.median(workload, key, "rate")):
            found = figures.all(workload, key, "rate")
            middle = statistics.median(found)
            name = NAMES[key].replace("*", "").split(":")[0]
            rows.append((name, kind(key), middle, min(found), max(found), f"{number(middle)}/s"))
        return rows

    def latency_rows(figure):
        rows = []
        for key in figures.records["latency"]:
            middle, high = (figures.median("latency", key, f"{figure}_{text}_ms") for text in ("p50", "p99"))
            if middle is not None:
                name = NAMES[key].replace("*", "")
                rows.append((name, kind(key), middle, middle, high, f"{number(middle)} ms"))
        return sorted(rows, key=lambda row: row[2])

    for prefix, title in (("drain", "Drained jobs a second"), ("enqueue", "Enqueued jobs a second")):
        keys = [key for key in TITLES if key.startswith(prefix) and key in figures.records and FAR not in key]
        if keys:
            groups = [(TITLES[key], rate_rows(key)) for key in keys]
            yield f"performance-{prefix}.svg", f"{title}; whiskers are all rounds", bars(title, groups)
    if "latency" in figures.records:
        title = "Latency of one job in an idle queue"
        groups = [("Call to start", latency_rows("start")), ("Call to known end", latency_rows("end"))]
        yield "performance-latency.svg", f"{title}; whiskers end at p99", bars(title, groups)


def replaced(document, measured):
    """Returns the document with another measured part; what people wrote around it stays."""
    before, rest = document.split(BEGIN, 1)
    return before + measured.rstrip("\n") + rest.split(END, 1)[1]
