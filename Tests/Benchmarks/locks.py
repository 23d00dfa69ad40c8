"""The parts of the benchmarks that are about locks: what a look costs, and what an application notices."""
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time

TAG = "locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid"
# What others ask, and the least that can be asked, each with the waiters' blockers in it or to be found.
WAITING = """
SELECT pid, state, query_start, left(query, 200), pg_blocking_pids(pid)
FROM pg_stat_activity WHERE wait_event_type = 'Lock'
"""
CONTENDED = f"""
WITH l AS MATERIALIZED (SELECT pid, granted, mode, waitstart, {TAG}, ({TAG})::text k FROM pg_locks)
SELECT pid, granted, mode, waitstart, {TAG} FROM l WHERE k IN (SELECT k FROM l WHERE NOT granted)
"""
EVERY_ROW = """
SELECT a.pid, a.state, a.query_start, left(a.query, 200), l.mode, l.granted, l.relation, pg_blocking_pids(a.pid)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
"""
TABLES, HOLDERS = 500, 10


class Tool:
    """A small program of ours that works until its input ends; `report` is then the rest of what it wrote."""

    def __init__(self, failed, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            self.close()
            raise failed(f"{os.path.basename(command[0])} did not begin")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.process.stdin.closed:
            self.close()

    def close(self):
        self.process.stdin.close()
        self.report = self.process.stdout.read()
        self.process.wait()
        self.process.stdout.close()
        return self.report


class Polls:
    """What Lockstep asks a server with thousands of locks, beside what others ask."""

    def __init__(self, bench, failed):
        self.bench, self.failed, self.server = bench, failed, bench.server
        self.database = "polls"

    def __enter__(self):
        self.server.create(self.database)
        for first in range(1, TABLES + 1, 100):
            self.server.sql(self.database, ";".join(
                f"CREATE TABLE t{number:05d} (id int)" for number in range(first, first + 100)))
        return self

    def __exit__(self, *_):
        self.server.drop(self.database)

    def run(self):
        for waiters in (0, 200, 400):
            self.bench.attempt(f"lock poll, {waiters} waiters", lambda: self.one(waiters))

    def load(self, waiters):
        return Tool(self.failed, [
            f"{self.bench.tools}/lockload", self.server.keywords(self.database), str(TABLES), str(HOLDERS),
            str(waiters)])

    def one(self, waiters):
        ours = self.own_questions()
        with self.load(waiters):
            locks = int(self.server.sql(self.database, "SELECT count(*) FROM pg_locks"))
            # Short ones stand beside short ones: what comes after a long one finds the caches cold.
            times = self.ask({
                "every": EVERY_ROW, "contended": CONTENDED, "locks": ours["locks"],
                "sessions": ours["sessions"], "waiting": WAITING, "count": ours["count"]})
            looks, errors = self.watch(waiters)
        where = f"{locks:,} locks, {waiters} waiters"
        tick, waiting = times["count"], times["waiting"]
        ratio = paired(tick, waiting)
        self.bench.note(
            "G10", f"idle tick, {where}", ms(tick), f"waiting backends only {ms(waiting)}", f"{ratio:.2f}",
            "≤ 1.3", ratio <= 1.3)
        tree = [a + b for a, b in zip(times["locks"], times["sessions"])]
        ratio = paired(tree, times["contended"])
        # Where nobody waits, the question for what is contended has no answer, and there is no tree.
        goal, met = ("≤ 1.2", ratio <= 1.2) if waiters else ("", None)
        self.bench.note(
            "G10", f"full tree, {where}", ms(tree),
            f"contended locks {ms(times['contended'])}, pg_blocking_pids on every row {ms(times['every'])}",
            f"{ratio:.2f}", goal, met)
        asked, drawn = looks
        self.bench.note(
            "G10", f"`lockstep locks`, {where}", f"asked in {ms(asked)}", f"the graph drawn in {ms(drawn)}")
        if errors:
            raise self.failed(errors)

    def own_questions(self):
        """The very texts that Lockstep sends, as the server has logged them."""
        self.server.sql("postgres", f"ALTER DATABASE {self.database} SET log_statement = 'all'")
        log = f"{self.server.folder}/log"
        before = os.path.getsize(log)
        subprocess.run(
            [self.bench.binary, "locks"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            cwd=self.bench.folder, env=self.environment())
        self.server.sql("postgres", f"ALTER DATABASE {self.database} RESET log_statement")
        with open(log, errors="replace") as file:
            file.seek(before)
            found = dict(re.findall(r"prepare (lockstep_\w+) as (.*?)(?:;\n|\n\d{4}-)", file.read(), re.DOTALL))
        try:
            return {
                "count": found["lockstep_waiting"], "locks": found["lockstep_scan_0"],
                "sessions": found["lockstep_scan_1"]}
        except KeyError as missing:
            raise self.failed(f"Lockstep's own question {missing} was not seen") from None

    def environment(self):
        return {**os.environ, "DATABASE_URL": self.server.url(self.database) + "&gssencmode=disable"}

    def watching(self, options, output=subprocess.DEVNULL):
        return subprocess.Popen(
            [self.bench.binary, "locks", "--watch", *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=output, text=True, cwd=self.bench.folder,
            env=self.environment())

    def ask(self, queries):
        """Asks each in turn; returns the milliseconds of each round by name."""
        files = []
        for name, text in queries.items():
            files.append(f"{self.bench.folder}/{name}.sql")
            with open(files[-1], "w") as file:
                file.write(text)
        result = subprocess.run(
            [f"{self.bench.tools}/lockpoll", self.server.keywords(self.database),
             "9" if self.bench.options.quick else "31", *files],
            check=True, capture_output=True, text=True)
        times = {
            name: [float(word) for word in line.split()]
            for name, line in zip(queries, result.stdout.splitlines())}
        self.bench.samples.write(json.dumps({"what": "lock poll", "ms": times}) + "\n")
        return times

    def watch(self, waiters):
        """What `lockstep locks` itself says a look took it, and whether it saw everybody."""
        process = self.watching(["--json", "--verbose"], output=subprocess.PIPE)
        looks = []
        limit = time.monotonic() + 60
        while len(looks) < (5 if self.bench.options.quick else 15) and time.monotonic() < limit:
            match = re.match(r"asked in ([\d.]+) ms, drawn in ([\d.]+) ms", process.stderr.readline())
            if match:
                looks.append((float(match[1]), float(match[2])))
        process.send_signal(signal.SIGINT)
        process.wait()
        process.stderr.close()
        result = subprocess.run(
            [self.bench.binary, "locks", "--json"], capture_output=True, text=True, cwd=self.bench.folder,
            env=self.environment())
        seen = len(json.loads(result.stdout)["waiters"])
        errors = "" if seen == waiters else f"lockstep locks saw {seen} of {waiters} waiters"
        if not looks:
            raise self.failed("lockstep locks said nothing of what it took")
        return tuple(zip(*looks)), errors


class Stalls:
    """How long an application stands still while ALTER TABLE meets a transaction that stays open."""

    readers, writers = 4, 2
    budget = 2.0

    def __init__(self, bench, failed, session):
        self.bench, self.failed, self.session, self.server = bench, failed, session, bench.server
        self.held = 15 if bench.options.quick else 60

    def run(self):
        folder = f"{self.bench.folder}/stall"
        for layout in ("sqlx", "dbmate"):
            os.makedirs(f"{folder}/{layout}", exist_ok=True)
        change = "ALTER TABLE accounts ADD COLUMN note text;\n"
        with open(f"{folder}/sqlx/00001_add_note.up.sql", "w") as file:
            file.write(change)
        with open(f"{folder}/dbmate/20240101000000_add_note.sql", "w") as file:
            file.write(f"-- migrate:up\n{change}\n-- migrate:down\n")
        url = self.server.url("bench")
        commands = {
            "psql": ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.server.keywords("bench"), "-f",
                     f"{folder}/sqlx/00001_add_note.up.sql"]}
        if self.bench.dbmate:
            commands["dbmate"] = [
                self.bench.dbmate, "--no-dump-schema", "--url", url, "-d", f"{folder}/dbmate", "migrate"]
        commands["lockstep"] = [
            self.bench.binary, "up", "-d", f"{folder}/sqlx", "--layout", "sqlx", "--url",
            url + "&gssencmode=disable", "--lock-timeout", f"{self.budget:.0f}s", "--lock-attempts", "100"]
        for name, command in commands.items():
            self.bench.attempt(
                f"application during ALTER TABLE, {name}", lambda: self.one(name, command, folder))

    def one(self, name, command, folder):
        self.server.create("bench")
        self.server.sql(
            "bench", "CREATE TABLE accounts (id int PRIMARY KEY, balance int)",
            "INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 1000) i")
        workers = Tool(self.failed, [
            f"{self.bench.tools}/workers", self.server.keywords("bench"), str(self.readers), str(self.writers)])
        idle = self.session(self.server, "bench")
        try:
            idle.ask("BEGIN; SELECT count(*) FROM accounts;")
            with open(f"{self.bench.folder}/output", "wb") as output:
                begun = time.monotonic()
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
                ended = []
                release = threading.Timer(self.held, lambda: (idle.ask("COMMIT;"), ended.append(time.monotonic())))
                release.start()
                try:
                    status = process.wait(self.held + 60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    status = process.wait()
                finished = time.monotonic()
                release.join()
        finally:
            report = workers.close()
            idle.close()
        columns = self.server.sql("bench", "SELECT count(*) FROM pg_attribute WHERE attname = 'note'")
        with open(f"{self.bench.folder}/output", errors="replace") as file:
            said = file.read()
        reader, writer, reads, writes, slow = (float(word) for word in report.split())
        self.bench.samples.write(json.dumps({
            "what": f"stall {name}", "reader_ms": reader, "writer_ms": writer, "reads": reads,
            "writes": writes, "longer_than_1s": slow, "held": self.held, "status": status,
            "column": columns, "seconds": finished - begun, "said": said[-2000:]}) + "\n")
        longest = max(reader, writer) / 1000
        if status == 0 and columns == "1":
            outcome = f"applied {finished - ended[0]:.1f} s after it ended" if finished > ended[0] else "applied"
        else:
            outcome = f"not applied, status {status}"
        ours = name == "lockstep"
        limit = self.budget + 0.1
        self.bench.note(
            "G12", f"longest stall of {self.readers} readers and {self.writers} writers,"
            f" a transaction open for {self.held} s, {name}",
            f"{longest:.2f} s", f"reader {reader / 1000:.2f} s, writer {writer / 1000:.2f} s; {outcome}",
            f"{longest / self.held:.2f}", f"≤ {limit:.1f} s (budget {self.budget:.0f} s)" if ours else "",
            longest <= limit if ours else None)
        if status or columns != "1":
            raise self.failed(f"{name}: status {status}: {said[-300:].strip()}")


def paired(ours, others):
    """The median of the ratios of questions asked one after the other."""
    return statistics.median(a / b for a, b in zip(ours, others))


def ms(times):
    return f"{statistics.median(times):.2f} ms"
