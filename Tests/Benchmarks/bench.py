#!/usr/bin/env python3
"""Measures Lockstep beside its peers and beside the least that a libpq client can do, as ratios of paired runs.

  bench.py [--quick] [--only PART,...] [--binary FILE] [--no-fsync]

Parts: apply, trips, delay, status, rollback, schemas, locks, stall, screen. The result is a Markdown table on standard
output; every sample goes to .build/bench/samples.jsonl. Nothing but a private server is touched.
"""
import argparse
import json
import math
import os
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from locks import Polls, Stalls, Tool
from schemas import Schemas
from server import Server
from terminal import Program, cpu_seconds
from workloads import Workload

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOOLS = f"{ROOT}/.build/bench"
CROWDED = ["locks", "stall", "screen"]
PARTS = ["apply", "trips", "delay", "status", "rollback", "schemas", "locks", "stall", "screen"]


class Failed(Exception):
    """A program did not do what was to be measured."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_tools():
    os.makedirs(TOOLS, exist_ok=True)
    include = subprocess.run(
        ["pg_config", "--includedir"], check=True, capture_output=True, text=True).stdout.strip()
    library = subprocess.run(
        ["pg_config", "--libdir"], check=True, capture_output=True, text=True).stdout.strip()
    for name, libraries in (
            ("floor", ["-lpq", "-lcrypto"]), ("crowd", ["-lpq"]), ("lockload", ["-lpq"]), ("lockpoll", ["-lpq"]),
            ("workers", ["-lpq", "-lpthread"]), ("measure", [])):
        source, target = f"{HERE}/{name}.c", f"{TOOLS}/{name}"
        if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
            continue
        subprocess.run(
            ["cc", "-O2", "-o", target, source, f"-I{include}", f"-L{library}", *libraries], check=True)


def find_dbmate():
    for candidate in (os.environ.get("LOCKSTEP_DBMATE"), f"{ROOT}/.venv/bin/dbmate", shutil.which("dbmate")):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    return None


class Proxy:
    """`wireproxy.py` while a `with` block lasts; afterwards `totals` holds what it counted."""

    def __init__(self, port, delay=0.0):
        self.arguments = [str(port)]
        self.delay = delay

    def __enter__(self):
        self.report = tempfile.NamedTemporaryFile(suffix=".json")
        command = [sys.executable, f"{HERE}/wireproxy.py", "127.0.0.1", *self.arguments, self.report.name]
        if self.delay:
            command.append(str(self.delay))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        with open(self.report.name) as file:
            text = file.read()
        self.totals = json.loads(text) if text else {}
        self.report.close()


class Bench:
    tools = TOOLS

    def __init__(self, options):
        self.options = options
        self.binary = os.path.abspath(options.binary)
        self.dbmate = find_dbmate()
        self.pairs = 3 if options.quick else 9
        self.rows = []
        self.failures = []
        self.workloads = {}
        self.samples = open(f"{TOOLS}/samples.jsonl", "w")
        self.folder = tempfile.mkdtemp(prefix="lockstep-bench-files-")
        self.server = None
        self.connections = 0

    def serve(self, part):
        """Starts the server that a part wants: as it is packaged, or with room for a crowd.

        What looks at locks costs a server with the places that it has, whether or not anybody is on them.
        """
        connections = 500 if part in CROWDED else 100
        if connections != self.connections:
            if self.server:
                self.server.stop()
            self.server = Server(durable=not self.options.no_fsync, connections=connections)
            self.connections = connections

    def close(self):
        if self.server:
            self.server.stop()
        self.samples.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def workload(self, kind, count):
        key = f"{kind}-{count}"
        if key not in self.workloads:
            self.workloads[key] = Workload(f"{self.folder}/{key}", kind, count)
        return self.workloads[key]

    # Programs: each returns a command and its environment.

    def floor(self, mode, workload, database, port=None):
        return [f"{TOOLS}/floor", self.server.keywords(database, port), f"{workload.folder}/sqlx", mode], {}

    def lockstep(self, layout, arguments, workload, database, port=None):
        command = [self.binary, *arguments, "-d", f"{workload.folder}/{layout}", "--layout", layout]
        # As dbmate below: writing db/schema.sql is another program's time.
        return command, {
            "DATABASE_URL": self.server.url(database, port) + "&gssencmode=disable",
            "DBMATE_NO_DUMP_SCHEMA": "true"}

    def program(self, name, action, workload, database, port=None):
        """The command by which a program applies, rolls back or shows all of a workload."""
        if name == "floor":
            mode = {"apply": "apply", "rollback": "down", "status": "verify"}[action]
            return self.floor(mode, workload, database, port)
        if name.startswith("lockstep "):
            arguments = {
                "apply": ["up"], "rollback": ["down", "--to", "0", "--yes"], "status": ["status"]}[action]
            return self.lockstep(name.split()[1], arguments, workload, database, port)
        if name == "dbmate":
            common = [self.dbmate, "--no-dump-schema", "--url", self.server.url(database, port),
                      "-d", f"{workload.folder}/dbmate"]
            if action == "rollback":
                loop = 'n=$1; shift; for i in $(seq "$n"); do "$@" rollback || exit 1; done'
                return ["sh", "-c", loop, "sh", str(workload.count), *common], {}
            return [*common, {"apply": "migrate", "status": "status"}[action]], {}
        if name == "psql":
            command = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.server.keywords(database, port)]
            if action == "apply":
                table = "CREATE TABLE hist (version int PRIMARY KEY, name text, applied_at timestamptz DEFAULT now())"
                return [*command, "-c", table, "-f", f"{workload.folder}/session.sql"], {}
            if action == "rollback":
                return [*command, "-f", f"{workload.folder}/session.down.sql"], {}
            return [*command, "-c", "SELECT version, name FROM hist ORDER BY version"], {}
        raise ValueError(name)

    def names(self, *layouts):
        peers = ["psql"] + (["dbmate"] if self.dbmate else [])
        return [f"lockstep {layout}" for layout in layouts] + peers

    def run(self, what, command, environment, folder=None, limit=900):
        """Runs a command to its end and returns its wall and CPU seconds and peak megabytes."""
        report = f"{self.folder}/report"
        output = f"{self.folder}/output"
        shutil.rmtree(f"{folder or self.folder}/.lockstep", ignore_errors=True)
        with open(output, "wb") as file:
            process = subprocess.Popen(
                [f"{TOOLS}/measure", report, *command], stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **environment}, cwd=folder or self.folder,
                start_new_session=True)
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise Failed(f"{what}: not done after {limit} s") from None
        if status:
            with open(output, errors="replace") as file:
                raise Failed(f"{what}: status {status}: {file.read()[-500:].strip()}")
        with open(report) as file:
            wall, cpu, kilobytes, _ = file.read().split()
        sample = {"what": what, "wall": float(wall), "cpu": float(cpu), "megabytes": int(kilobytes) / 1024}
        self.samples.write(json.dumps(sample) + "\n")
        self.samples.flush()
        return sample

    def note(self, goal, work, measured, beside, ratio="", limit="", met=None):
        verdict = "" if met is None else ("met" if met else "**missed**")
        self.rows.append((goal, work, measured, beside, ratio, limit, verdict))
        say(f"  {goal:4} {work}: {measured} | {beside} | {ratio} {limit} {verdict}")

    def attempt(self, what, measure):
        try:
            measure()
        except (Failed, subprocess.CalledProcessError) as error:
            detail = str(error)
            if isinstance(error, subprocess.CalledProcessError) and error.stderr:
                detail += ": " + str(error.stderr)[-300:]
            self.failures.append(f"{what}: {detail}")
            self.rows.append(("", what, "failed", "", "", "", "**failed**"))
            say(f"  FAILED {what}: {detail}")

    # Databases.

    def templates(self, name, action, workload):
        """A database in the state from which an action starts; made once, then copied."""
        key = f"tpl_{name}_{action}_{workload.name}".replace(" ", "_").replace("-", "_")
        if self.server.sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{key}'"):
            return key
        self.server.create(key)
        try:
            if action == "rollback":
                base = "floor" if name == "psql" else name
                self.run(f"{name} prepare", *self.program(base, "apply", workload, key), workload.folder)
                if self.tables(key) != workload.count:
                    raise Failed(f"{name} apply {workload.name}: {self.tables(key)} tables")
            elif name in ("floor", "psql"):
                self.run("floor fill", *self.floor("fill", workload, key))
            else:
                layout = name.split()[1] if " " in name else name
                self.server.script(key, workload.history(layout))
            self.server.sql(key, "VACUUM ANALYZE")
        except BaseException:
            self.server.drop(key)
            raise
        return key

    def tables(self, database):
        return int(self.server.sql(database, "SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]{5}$'"))

    def once(self, name, action, workload, port=None):
        """One run from a fresh database, looked at afterwards: what did nothing must not look fast."""
        what = f"{name} {action} {workload.name}"
        if action == "status":
            database = self.templates(name, action, workload)
            return self.run(what, *self.program(name, action, workload, database, port), workload.folder)
        template = self.templates(name, action, workload) if action == "rollback" else "template0"
        self.server.create("bench", template)
        self.server.sql("postgres", "CHECKPOINT")
        sample = self.run(what, *self.program(name, action, workload, "bench", port), workload.folder)
        expected = 0
        if action == "apply":
            expected = workload.count if workload.kind == "create" else max(1, workload.count * 4 // 10)
        if self.tables("bench") != expected:
            raise Failed(f"{what}: {self.tables('bench')} tables instead of {expected}")
        return sample

    def paired(self, name, action, workload, port=None, pairs=None):
        """Runs the floor and the program in turn; returns both lists and the median of the ratios."""
        floors, runs = [], []
        self.once("floor", action, workload, port)
        self.once(name, action, workload, port)
        for _ in range(pairs or self.pairs):
            floors.append(self.once("floor", action, workload, port))
            runs.append(self.once(name, action, workload, port))
        ratio = statistics.median(run["wall"] / floor["wall"] for floor, run in zip(floors, runs))
        return floors, runs, ratio

    # The parts.

    def apply(self):
        for workload in (self.workload("create", 1000), self.workload("mixed", 100)):
            for name in self.names("sqlx", "raw", "dbmate"):
                self.attempt(f"apply {workload.name}, {name}", lambda: self.apply_one(name, workload))

    def apply_one(self, name, workload):
        floors, runs, ratio = self.paired(name, "apply", workload)
        ours = name.startswith("lockstep")
        self.note(
            "G1", f"apply {workload.count:,} ({workload.kind}), {name}", seconds(runs, "wall"),
            f"floor {seconds(floors, 'wall')}", f"{ratio:.2f}", "≤ 1.10" if ours else "",
            ratio <= 1.10 if ours else None)
        if workload.kind == "create":
            cpu, floor_cpu = (median(list_, "cpu") * 1000 / workload.count for list_ in (runs, floors))
            self.note(
                "G4", f"client CPU a migration, {name}", f"{cpu:.2f} ms", f"floor {floor_cpu:.2f} ms",
                f"{cpu / floor_cpu:.1f}", "≤ 0.20 ms" if ours else "", cpu <= 0.20 if ours else None)
            peak = median(runs, "megabytes")
            self.note(
                "G8", f"peak memory, {workload.count:,} applied, {name}", f"{peak:.1f} MB",
                f"floor {median(floors, 'megabytes'):.1f} MB", "", "≤ 16 MB" if ours else "",
                peak <= 16 if ours else None)

    def trips(self):
        for name in ["floor", *self.names("sqlx", "raw", "dbmate")]:
            self.attempt(f"round trips, {name}", lambda: self.trips_one(name))

    def trips_one(self, name):
        totals = []
        for count in (10, 110):
            with Proxy(self.server.port) as proxy:
                self.once(name, "apply", self.workload("create", count), proxy.port)
            totals.append(proxy.totals["round_trips"])
        each = (totals[1] - totals[0]) / 100
        fixed = totals[0] - 10 * each
        ours = name.startswith("lockstep")
        self.note(
            "G2", f"round trips, {name}", f"{each:.2f} a migration", f"{fixed:.0f} a run", "",
            "≤ 1 and ≤ 10" if ours else "", each <= 1 and fixed <= 10 if ours else None)

    def delayed(self):
        workload = self.workload("mixed", 100)
        medians = {}
        with Proxy(self.server.port, delay=1) as proxy:
            for name in self.names("sqlx"):
                self.attempt(
                    f"apply behind 1 ms, {name}", lambda: self.delayed_one(name, workload, proxy, medians))
        if "lockstep sqlx" in medians and "dbmate" in medians:
            ratio = medians["lockstep sqlx"] / medians["dbmate"]
            self.note(
                "G3", "apply 100 behind 1 ms, beside dbmate", f"{medians['lockstep sqlx']:.3f} s",
                f"dbmate {medians['dbmate']:.3f} s", f"{ratio:.2f}", "≤ 0.60", ratio <= 0.6)

    def delayed_one(self, name, workload, proxy, medians):
        floors, runs, ratio = self.paired(name, "apply", workload, proxy.port)
        medians[name] = median(runs, "wall")
        ours = name.startswith("lockstep")
        self.note(
            "G3", f"apply 100 behind 1 ms of delay, {name}", seconds(runs, "wall"),
            f"floor {seconds(floors, 'wall')}", f"{ratio:.2f}", "≤ 1.10" if ours else "",
            ratio <= 1.10 if ours else None)

    def status(self):
        medians = {}
        for count, goal, limit in ((10, "G6", 1.15), (1000, "G5", 1.3), (10000, "G5", 1.3)):
            workload = self.workload("create", count)
            for name in self.names("sqlx", "raw"):
                self.attempt(
                    f"status {count:,}, {name}",
                    lambda: self.status_one(name, workload, goal, limit, medians))
        if 1000 in medians and 10000 in medians and 10 in medians:
            growth = (medians[10000] - medians[10]) / (medians[1000] - medians[10])
            self.note(
                "G5", "status, ten times the files, less the cold start", f"× {growth:.1f}",
                "linear would be × 10.0", "", "linear", growth <= 12)
        self.attempt("history queries of status", self.history_queries)

    def status_one(self, name, workload, goal, limit, medians):
        ours = name.startswith("lockstep")
        if ours:
            self.check_status(name, workload)
        floors, runs, ratio = self.paired(name, "status", workload, pairs=self.pairs * 3)
        if name == "lockstep sqlx":
            medians[workload.count] = median(runs, "wall")
        label = "cold status, 10 files" if workload.count == 10 else f"status, {workload.count:,} files"
        self.note(
            goal, f"{label}, {name}", milliseconds(runs, "wall"), f"floor {milliseconds(floors, 'wall')}",
            f"{ratio:.2f}", f"≤ {limit}" if ours else "", ratio <= limit if ours else None)
        if workload.count in (10, 10000) and ours:
            peak, most = median(runs, "megabytes"), 15 if workload.count == 10 else 25
            self.note(
                "G8", f"peak memory, {label}, {name}", f"{peak:.1f} MB",
                f"floor {median(floors, 'megabytes'):.1f} MB", "", f"≤ {most} MB", peak <= most)

    def check_status(self, name, workload):
        """What is timed must be right: everything applied, nothing wrong."""
        database = self.templates(name, "status", workload)
        command, environment = self.lockstep(name.split()[1], ["status", "--json"], workload, database)
        result = subprocess.run(
            command, env={**os.environ, **environment}, cwd=workload.folder, capture_output=True, text=True)
        try:
            counts = json.loads(result.stdout)["counts"]
        except (ValueError, KeyError):
            raise Failed(f"{name} status --json: {(result.stderr or result.stdout)[-300:].strip()}") from None
        if counts["applied"] != workload.count or counts["pending"] or counts["problems"]:
            raise Failed(f"{name} status {workload.name}: {counts}")

    def history_queries(self):
        workload = self.workload("create", 1000)
        database = self.templates("lockstep sqlx", "status", workload)
        self.server.sql("postgres", f"ALTER DATABASE {database} SET log_statement = 'all'")
        log = f"{self.server.folder}/log"
        before = os.path.getsize(log)
        with Proxy(self.server.port) as proxy:
            command, environment = self.program(
                "lockstep sqlx", "status", workload, database, proxy.port)
            self.run("status through the proxy", command, environment, workload.folder)
        self.server.sql("postgres", f"ALTER DATABASE {database} RESET log_statement")
        with open(log, errors="replace") as file:
            file.seek(before)
            statements = re.split(r"LOG:  (?:statement|execute [^:]*): ", file.read())[1:]
        queries = sum(bool(re.search(r'FROM\s+[\w".]*_sqlx_migrations', text)) for text in statements)
        self.note(
            "G5", "status, queries of the history table", f"{queries}",
            f"{proxy.totals['round_trips']} round trips in all", "", "1", queries == 1)

    def rollback(self):
        workload = self.workload("create", 100)
        for name in self.names("sqlx", "raw", "dbmate"):
            self.attempt(f"roll back 100, {name}", lambda: self.rollback_one(name, workload))

    def rollback_one(self, name, workload):
        ours = name.startswith("lockstep")
        # A seventh of a second each, most of it the disk's: a few say little.
        floors, runs, ratio = self.paired(
            name, "rollback", workload, pairs=self.pairs * 3 if ours else self.pairs)
        self.note(
            "G7", f"roll back 100, {name}", seconds(runs, "wall"), f"floor {seconds(floors, 'wall')}",
            f"{ratio:.2f}", "≤ 1.10" if ours else "", ratio <= 1.10 if ours else None)

    def schemas(self):
        Schemas(self, Failed).run()

    def locks(self):
        with Polls(self, Failed) as polls:
            polls.run()

    def stall(self):
        Stalls(self, Failed, Session).run()

    # The dashboard.

    def screen(self):
        workload = self.workload("create", 1000)
        database = self.templates("lockstep sqlx", "status", workload)
        command, environment = self.lockstep("sqlx", [], workload, database)
        peers = self.screen_peers()
        self.attempt("first frame", lambda: self.first_frame(command, environment, workload, peers))
        self.attempt("first data", lambda: self.first_data(command, environment, workload))
        self.attempt("at rest", lambda: self.at_rest(command, environment, workload, database, peers))
        self.attempt("key to glyph", lambda: self.key_to_glyph(command, environment, workload))
        self.attempt("with 400 waiters", lambda: self.crowded(command, environment, workload, database))
        with Polls(self, Failed) as polls, polls.load(400):
            self.attempt(
                "key to glyph with locks",
                lambda: self.key_to_glyph(command, environment, workload, ", 5,000 locks and 400 waiters"))

    def screen_peers(self):
        """Full-screen neighbours that are installed: name, command, keys to quit."""
        peers = []
        if shutil.which("pg_activity"):
            peers.append((
                "pg_activity", ["pg_activity", "-h", "127.0.0.1", "-p", str(self.server.port),
                                "-U", self.server.user, "-d", "postgres", "--refresh", "1"], "q"))
        if shutil.which("htop"):
            peers.append(("htop", ["htop", "-d", "10"], "q"))
        if shutil.which("top"):
            peers.append(("top", ["top", "-d", "1"], "q"))
        return peers

    def first_frame(self, command, environment, workload, peers):
        rounds = 9 if self.options.quick else 31
        with SilentServer() as silent:
            url = f"postgres://{self.server.user}@127.0.0.1:{silent.port}/x?sslmode=disable&gssencmode=disable"
            times = self.frame_times(command, {**environment, "DATABASE_URL": url}, workload.folder, "Q", rounds)
        self.note(
            "S", "first frame, server silent, p50", f"{times[len(times) // 2]:.1f} ms", f"longest {times[-1]:.1f} ms",
            "", "≤ 30 ms", times[len(times) // 2] <= 30)
        for name, other, keys in peers:
            times = self.frame_times(other, {}, self.folder, keys, rounds)
            self.note("S", f"first frame, {name}, p50", f"{times[len(times) // 2]:.1f} ms", f"longest {times[-1]:.1f} ms")

    def frame_times(self, command, environment, folder, keys, rounds):
        times = []
        for _ in range(rounds):
            program = Program(command, environment, folder)
            moment = program.first_burst()
            text = program.screen.text()
            program.end(keys)
            if moment is None:
                raise Failed(f"no frame: {text.strip()[-300:]}")
            times.append((moment - program.started) * 1000)
        return sorted(times)

    def first_data(self, command, environment, workload):
        times = []
        for _ in range(9 if self.options.quick else 31):
            program = Program(command, environment, workload.folder)
            moment = program.wait(lambda screen: shows_applied(screen, workload.count), 10)
            text = program.screen.text()
            program.end("Q")
            if moment is None:
                raise Failed("the data did not come:\n" + text)
            times.append((moment - program.started) * 1000)
        times.sort()
        self.note(
            "S", "first data, 1,000 migrations, p50", f"{times[len(times) // 2]:.1f} ms",
            f"longest {times[-1]:.1f} ms", "", "≤ 120 ms", times[len(times) // 2] <= 120)

    def at_rest(self, command, environment, workload, database, peers):
        window = 10 if self.options.quick else 30
        program = Program(command, environment, workload.folder)
        if program.wait(lambda screen: shows_applied(screen, workload.count), 10) is None:
            program.end("Q")
            raise Failed("the data did not come:\n" + program.screen.text())
        program.drain(3)
        backends = self.backends(database)
        begun = sum(map(cpu_seconds, backends))
        cpu, output = self.window(program, window)
        if backends:
            cost = (sum(map(cpu_seconds, backends)) - begun) * 1000 / window
        memory = program.resident_megabytes()
        ended = program.end("Q")
        if ended:
            raise Failed(f"the dashboard ended with status {ended}")
        self.note("S", "idle CPU at 1 s", f"{cpu:.2f} %", f"{cpu * 10:.1f} ms a refresh", "", "≤ 0.2 %", cpu <= 0.2)
        self.note("G11", "client CPU a refresh", f"{cpu * 10:.2f} ms", "", "", "≤ 5 ms", cpu * 10 <= 5)
        self.note("S", "bytes to the terminal a second, nothing changing", f"{output:.0f}", "", "", "≤ 60", output <= 60)
        self.note("S", "resident memory at rest", f"{memory:.1f} MB", "", "", "≤ 25 MB", memory <= 25)
        if backends:
            self.note(
                "S", "server CPU for the monitor, idle", f"{cost:.2f} ms a second",
                f"{len(backends)} session(s)", "", "≤ 0.5 ms", cost <= 0.5)
        for name, other, keys in peers:
            program = Program(other, {}, self.folder)
            program.drain(3)
            cpu, output = self.window(program, window)
            memory = program.resident_megabytes()
            program.end(keys)
            self.note(
                "S", f"at rest, {name}", f"{cpu:.2f} %", f"{output:.0f} bytes a second, {memory:.1f} MB")

    def window(self, program, length):
        """CPU in per cent and bytes a second over so many seconds."""
        cpu, sent, begun = program.cpu(), program.bytes, time.monotonic()
        program.drain(length)
        elapsed = time.monotonic() - begun
        if program.ended:
            raise Failed("the program ended while it was watched")
        return (program.cpu() - cpu) / elapsed * 100, (program.bytes - sent) / elapsed

    def backends(self, database):
        text = self.server.sql(
            "postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            f" AND datname = '{database}' AND pid <> pg_backend_pid()")
        return [int(pid) for pid in text.split()]

    def key_to_glyph(self, command, environment, workload, load=""):
        presses = 100 if self.options.quick else 600
        program = Program(command, environment, workload.folder)
        if program.wait(lambda screen: shows_applied(screen, workload.count), 10) is None:
            program.end("Q")
            raise Failed("the data did not come:\n" + program.screen.text())
        program.drain(1)
        program.send("g")
        program.drain(0.3)
        chance = random.Random(1)
        times, lost = [], 0
        for press in range(presses):
            # Another moment of the refresh each time, so that polls are in flight for some.
            program.drain(0.02 + chance.random() * 0.06)
            pressed = program.send("j" if press % 40 < 20 else "k")
            moment = None
            while moment is None and time.monotonic() - pressed < 1:
                came = program.read(0.1)
                # The first line has the clock, which changes by itself.
                if came and came[1] - {0}:
                    moment = came[0]
            if moment is None:
                lost += 1
            else:
                times.append((moment - pressed) * 1000)
        program.end("Q")
        if lost > presses // 20 or not times:
            raise Failed(f"{lost} of {presses} keys changed nothing on the screen")
        times.sort()
        p99 = times[min(len(times) - 1, math.ceil(len(times) * 0.99) - 1)]
        self.note(
            "S", f"key to glyph, p99{load}", f"{p99:.1f} ms", f"p50 {times[len(times) // 2]:.1f} ms, {len(times)} keys", "",
            "≤ 8 ms", p99 <= 8)

    def crowded(self, command, environment, workload, database):
        crowd = subprocess.Popen(
            [f"{TOOLS}/crowd", self.server.keywords(database), "400"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        try:
            if crowd.stdout.readline().strip() != "ready":
                raise Failed("the crowd did not gather")
            program = Program(command, environment, workload.folder)
            if program.wait(lambda screen: shows_applied(screen, workload.count), 10) is None:
                program.end("Q")
                raise Failed("the data did not come:\n" + program.screen.text())
            program.drain(3)
            cpu, output = self.window(program, 10 if self.options.quick else 30)
            memory = program.resident_megabytes()
            program.end("Q")
        finally:
            crowd.stdin.close()
            crowd.wait()
            crowd.stdout.close()
            self.server.sql(database, "DROP TABLE IF EXISTS crowd")
        self.note(
            "S", "CPU with 400 waiters at 1 s", f"{cpu:.2f} %", f"{output:.0f} bytes a second, {memory:.1f} MB", "",
            "≤ 2 %", cpu <= 2)

    # The report.

    def report(self):
        print("\n" + machine(self.server))
        print(f"\nMedians of {self.pairs} pairs; a ratio is the median of the ratios of runs made one after the other.\n")
        print("| | work | measured | beside | ratio | goal | |")
        print("|---|---|---|---|---|---|---|")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")
        if not self.dbmate:
            print("\ndbmate was not found: `make interop` installs it.")
        for failure in self.failures:
            print(f"\n**Failed:** {failure}")


class Session:
    """A psql that is asked one thing after the other."""

    def __init__(self, server, database):
        self.process = subprocess.Popen(
            ["psql", "-qAtX", "-d", server.keywords(database)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, sql):
        self.process.stdin.write(sql + "\n\\echo done\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "done":
            if self.process.poll() is not None:
                raise Failed("psql ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class SilentServer:
    """Takes connections and never says a word."""

    def __enter__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.socket.close()


def shows_applied(screen, count):
    return re.search(rf"applied\s+{count:,}|applied\s+{count}", screen.text()) is not None


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def seconds(samples, key):
    return f"{median(samples, key):.3f} s"


def milliseconds(samples, key):
    return f"{median(samples, key) * 1000:.1f} ms"


def machine(server):
    """One paragraph about where this was measured."""
    processor = platform.processor() or platform.machine()
    memory = "?"
    try:
        with open("/proc/cpuinfo") as file:
            processor = re.search(r"model name\s*:\s*(.+)", file.read())[1]
        with open("/proc/meminfo") as file:
            kilobytes = re.search(r"MemTotal:\s+(\d+)", file.read())[1]
        memory = f"{int(kilobytes) / 1048576:.0f} GB"
    except (FileNotFoundError, TypeError):
        pass
    system = platform.platform()
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"] + f", Linux {platform.release()}"
    except (OSError, AttributeError):
        pass
    version = server.sql("postgres", "SHOW server_version")
    fsync = server.sql("postgres", "SHOW fsync")
    load = os.getloadavg()[0]
    return (
        f"{processor}, {os.cpu_count()} cores, {memory}; {system}; PostgreSQL {version} on the loopback,"
        f" fsync {fsync}; load {load:.1f} at the end; {time.strftime('%Y-%m-%d')}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 pairs instead of 9, shorter windows")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, parted by commas")
    parser.add_argument("--binary", default=f"{ROOT}/.build/release/lockstep")
    parser.add_argument("--no-fsync", action="store_true", help="a server that never waits for the disk")
    options = parser.parse_args()
    parts = options.only.split(",")
    for part in parts:
        if part not in PARTS:
            parser.error(f"there is no part {part}; parts are {', '.join(PARTS)}")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is not there; run `make build`")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    build_tools()
    bench = Bench(options)
    try:
        actions = {
            "apply": bench.apply, "trips": bench.trips, "delay": bench.delayed, "status": bench.status,
            "rollback": bench.rollback, "schemas": bench.schemas,
            "locks": bench.locks, "stall": bench.stall, "screen": bench.screen}
        for part in parts:
            say(f"{part}:")
            bench.serve(part)
            actions[part]()
        bench.report()
    finally:
        bench.close()
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
