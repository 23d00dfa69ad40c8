"""A private PostgreSQL on the loopback, with a packaged server's own settings, gone at the end."""
import atexit
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def binaries():
    """The folder of the newest server that can be found."""
    folders = []
    try:
        found = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True)
        folders.append(found.stdout.strip())
    except FileNotFoundError:
        pass
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    folders += sorted(glob.glob("/opt/homebrew/opt/postgresql@*/bin"), reverse=True)
    folders += os.environ.get("PATH", "").split(":")
    for folder in folders:
        if os.access(f"{folder}/postgres", os.X_OK):
            folder = os.path.dirname(os.path.realpath(f"{folder}/postgres"))
            if os.access(f"{folder}/initdb", os.X_OK):
                return folder
    raise SystemExit("error: no PostgreSQL server programs were found")


class Server:
    user = "bench"

    def __init__(self, durable=True, connections=100):
        self.bin = binaries()
        self.folder = tempfile.mkdtemp(prefix="lockstep-bench-")
        self.process = None
        atexit.register(self.stop)
        os.chmod(self.folder, 0o755)
        self.prefix = []
        if os.geteuid() == 0:  # root may not run a server
            account = pwd.getpwnam("postgres" if has_user("postgres") else "nobody")
            self.prefix = [
                "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
                "--reset-env"]
        data = f"{self.folder}/data"
        os.mkdir(data, 0o700)
        if self.prefix:
            shutil.chown(data, account.pw_uid, account.pw_gid)
        with open(f"{self.folder}/log", "wb") as log:
            subprocess.run(
                [*self.prefix, f"{self.bin}/initdb", "-D", data, "-U", self.user, "-A", "trust",
                 "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
                check=True, stdout=log, stderr=log, cwd="/")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=",
                        f"max_connections={connections}", "autovacuum=off"]
            if not durable:
                settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
            command = [*self.prefix, f"{self.bin}/postgres", "-D", data, "-p", str(self.port)]
            for setting in settings:
                command += ["-c", setting]
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/")
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                self.sql("postgres", "SELECT 1")
                return
            except subprocess.CalledProcessError:
                time.sleep(0.05)
        raise SystemExit("error: the server did not start:\n" + open(f"{self.folder}/log").read())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keywords(self, database, port=None):
        return (f"host=127.0.0.1 port={port or self.port} user={self.user} dbname={database}"
                " sslmode=disable gssencmode=disable")

    def url(self, database, port=None):
        return f"postgres://{self.user}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def sql(self, database, *statements):
        """Runs statements with psql and returns what they print, columns parted by `|`."""
        command = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", self.keywords(database)]
        for statement in statements:
            command += ["-c", statement]
        result = subprocess.run(
            command, check=True, capture_output=True, text=True,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=error"})
        return result.stdout.strip()

    def script(self, database, text):
        subprocess.run(
            ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", self.keywords(database)],
            input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def create(self, database, template="template0"):
        self.sql(
            "postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)",
            f"CREATE DATABASE {database} TEMPLATE {template}")

    def drop(self, database):
        self.sql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def has_user(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False
