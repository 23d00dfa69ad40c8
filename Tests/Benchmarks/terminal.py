"""A full-screen program on a pseudo-terminal: what it shows, when, and what that costs."""
import codecs
import fcntl
import glob
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata


class Screen:
    """Enough of xterm to know which character stands where; colours are passed over."""

    sequence = re.compile(
        r"\x1b\[([0-9;:<=>?]*)[ -/]*([@-~])"  # control sequences
        r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # strings up to their end
        r"|\x1b[()*+\-./#%][0-9A-Za-z]"  # character sets
        r"|\x1b([0-9A-Za-z=><~|}])",
        re.DOTALL)

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, rows - 1
        self.last = " "
        self.touched = set()
        self.rest = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data):
        """Takes bytes as they come and returns the rows that they changed."""
        self.touched = set()
        text = self.rest + self.decoder.decode(data)
        self.rest = ""
        at = 0
        while at < len(text):
            character = text[at]
            if character == "\x1b":
                match = self.sequence.match(text, at)
                if not match:
                    self.rest = text[at:] if len(text) - at < 4096 else ""
                    break
                if match[2]:
                    self.control(match[1], match[2])
                elif match[3]:
                    self.escape(match[3])
                at = match.end()
                continue
            at += 1
            if character == "\r":
                self.column = 0
            elif character == "\n":
                self.down()
            elif character == "\b":
                self.column = max(0, self.column - 1)
            elif character == "\t":
                self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
            elif character >= " ":
                self.put(character)
        return self.touched

    def put(self, character):
        if unicodedata.combining(character):
            return
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self.column + width > self.columns:
            self.column = 0
            self.down()
        self.set(self.row, self.column, character)
        if width == 2 and self.column + 1 < self.columns:
            self.set(self.row, self.column + 1, "")
        self.column += width
        self.last = character

    def set(self, row, column, character):
        if 0 <= row < self.rows and 0 <= column < self.columns:
            if self.cells[row][column] != character:
                self.cells[row][column] = character
            self.touched.add(row)

    def down(self):
        if self.row == self.bottom:
            self.shift(self.top, self.bottom, 1)
        elif self.row < self.rows - 1:
            self.row += 1

    def shift(self, top, bottom, count):
        """Moves the lines from `top` to `bottom` up by `count`, down if it is negative."""
        for _ in range(min(abs(count), bottom - top + 1)):
            if count > 0:
                del self.cells[top]
                self.cells.insert(bottom, [" "] * self.columns)
            else:
                del self.cells[bottom]
                self.cells.insert(top, [" "] * self.columns)
        self.touched.update(range(top, bottom + 1))

    def escape(self, letter):
        if letter == "7":
            self.saved = (self.row, self.column)
        elif letter == "8":
            self.row, self.column = self.saved
        elif letter == "D":
            self.down()
        elif letter == "E":
            self.column = 0
            self.down()
        elif letter == "M":
            if self.row == self.top:
                self.shift(self.top, self.bottom, -1)
            else:
                self.row = max(0, self.row - 1)

    def control(self, parameters, letter):
        if parameters[:1] in ("?", ">", "<", "="):
            if letter == "h" and "1049" in parameters:
                self.clear(0, 0, self.rows - 1, self.columns - 1)
            return
        numbers = [int(part) if part.isdigit() else 0 for part in parameters.split(";")]
        first = numbers[0]
        count = max(1, first)
        if letter in "Hf":
            self.row = min(self.rows, count) - 1
            column = numbers[1] if len(numbers) > 1 else 1
            self.column = min(self.columns, max(1, column)) - 1
        elif letter == "A":
            self.row = max(0, self.row - count)
        elif letter == "B":
            self.row = min(self.rows - 1, self.row + count)
        elif letter == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif letter == "D":
            self.column = max(0, self.column - count)
        elif letter == "G":
            self.column = min(self.columns, count) - 1
        elif letter == "d":
            self.row = min(self.rows, count) - 1
        elif letter == "J":
            if first == 0:
                self.clear(self.row, self.column, self.rows - 1, self.columns - 1)
            elif first == 1:
                self.clear(0, 0, self.row, self.column)
            else:
                self.clear(0, 0, self.rows - 1, self.columns - 1)
        elif letter == "K":
            begin = 0 if first else self.column
            end = self.column if first == 1 else self.columns - 1
            self.clear(self.row, begin, self.row, end)
        elif letter == "X":
            self.clear(self.row, self.column, self.row, min(self.columns, self.column + count) - 1)
        elif letter == "b":
            for _ in range(count):
                self.put(self.last)
        elif letter == "@":
            line = self.cells[self.row]
            line[self.column:self.column] = [" "] * count
            del line[self.columns:]
            self.touched.add(self.row)
        elif letter == "P":
            line = self.cells[self.row]
            del line[self.column:self.column + count]
            line += [" "] * (self.columns - len(line))
            self.touched.add(self.row)
        elif letter == "L" and self.top <= self.row <= self.bottom:
            self.shift(self.row, self.bottom, -count)
        elif letter == "M" and self.top <= self.row <= self.bottom:
            self.shift(self.row, self.bottom, count)
        elif letter == "S":
            self.shift(self.top, self.bottom, count)
        elif letter == "T":
            self.shift(self.top, self.bottom, -count)
        elif letter == "r":
            self.top = count - 1
            self.bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
            self.row = self.column = 0

    def clear(self, row, column, last_row, last_column):
        for line in range(row, last_row + 1):
            begin = column if line == row else 0
            end = last_column if line == last_row else self.columns - 1
            for cell in range(begin, end + 1):
                self.set(line, cell, " ")

    def lines(self):
        return ["".join(line).rstrip() for line in self.cells]

    def text(self):
        return "\n".join(self.lines()).rstrip()


class Program:
    """One run; `started` is the moment just before its exec."""

    def __init__(self, command, environment=None, folder=None, rows=40, columns=120):
        self.screen = Screen(rows, columns)
        self.bytes = 0
        self.ended = False
        read, write = os.pipe()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                os.close(read)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                if folder:
                    os.chdir(folder)
                # What this program itself was told about its own terminal is nobody's business.
                kept = {k: v for k, v in os.environ.items() if k not in ("TMUX", "COLUMNS", "LINES", "NO_COLOR")}
                variables = {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
                variables.update(environment or {})
                os.write(write, struct.pack("d", time.monotonic()))
                os.execvpe(command[0], command, variables)
            finally:
                os._exit(127)
        os.close(write)
        self.started = struct.unpack("d", os.read(read, 8))[0]
        os.close(read)

    def read(self, seconds):
        """Waits for output; returns when it came and the rows it changed, or None."""
        ready, _, _ = select.select([self.terminal], [], [], max(0, seconds))
        if not ready:
            return None
        moment = time.monotonic()
        try:
            data = os.read(self.terminal, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return None
        self.bytes += len(data)
        return moment, self.screen.feed(data)

    def wait(self, condition, seconds):
        """Reads until the condition holds; returns the moment of the last output then, or None."""
        limit = time.monotonic() + seconds
        while not self.ended and time.monotonic() < limit:
            came = self.read(min(0.5, limit - time.monotonic()))
            if came and condition(self.screen):
                return came[0]
        return None

    def drain(self, seconds):
        """Reads for so long, whatever comes."""
        limit = time.monotonic() + seconds
        while not self.ended and time.monotonic() < limit:
            self.read(limit - time.monotonic())

    def first_burst(self, letters=150, quiet=0.01, seconds=5):
        """The moment of the last output before the first pause after so many visible characters."""
        limit = time.monotonic() + seconds
        moment = None
        while not self.ended and time.monotonic() < limit:
            came = self.read(quiet)
            if came:
                moment = came[0]
            elif moment and sum(map(len, self.screen.text().split())) >= letters:
                return moment
        return None

    def send(self, keys):
        moment = time.monotonic()
        os.write(self.terminal, keys.encode())
        return moment

    def cpu(self):
        return cpu_seconds(self.pid)

    def resident_megabytes(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024

    def end(self, keys=""):
        """Ends it by keys, or else by signals, and returns its exit status."""
        if keys and not self.ended:
            try:
                self.send(keys)
            except OSError:
                pass
        for sign in (None, signal.SIGTERM, signal.SIGKILL):
            if sign:
                os.kill(self.pid, sign)
            limit = time.monotonic() + 2
            while time.monotonic() < limit:
                if not self.ended:
                    self.read(0.02)  # an unread terminal can hold up its end
                else:
                    time.sleep(0.005)
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    os.close(self.terminal)
                    return os.waitstatus_to_exitcode(status)
        raise RuntimeError(f"process {self.pid} does not end")


def cpu_seconds(pid):
    """What a process has used so far, to the nanosecond where the kernel tells it."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    if total:
        return total / 1e9
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
