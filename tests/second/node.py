"""Node: a levada program that is run with a data directory of its own.

Knows the command line and nothing of what travels. Programs that were started are ended by their own handle.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

WAIT_SECONDS = 120


class Node:
    """One data directory, and the program that works on it."""

    def __init__(self, program, data_dir):
        self.program = str(program)
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(data_dir),
            "LEVADA_DATA_DIR": str(data_dir),
            "NO_COLOR": "1",
        }

    def _done(self, arguments):
        return subprocess.run(
            [self.program, *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WAIT_SECONDS,
        )

    def run(self, *arguments):
        """Runs a command to its good end; gives its output."""
        done = self._done(arguments)
        command = " ".join(map(str, arguments))
        assert done.returncode == 0, f"levada {command}: status {done.returncode}: {done.stderr.decode()}"
        return done.stdout

    def json(self, *arguments):
        """Runs a command; gives the JSON that it prints."""
        return json.loads(self.run(*arguments, "--json"))

    def status(self, *arguments):
        """Runs a command; gives its exit status."""
        return self._done(arguments).returncode

    def error(self, *arguments):
        """Runs a command; gives its exit status and, if it is not 0, what it says is wrong."""
        done = self._done(["--json", *arguments])
        return done.returncode, json.loads(done.stderr.splitlines()[-1]) if done.returncode else None

    @contextlib.contextmanager
    def serving(self):
        """Serves on a free port of loopback; gives the address."""
        process = subprocess.Popen(
            [self.program, "serve", "--listen", "127.0.0.1:0", "--json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            line = process.stdout.readline()
            assert line, f"levada serve: {process.stderr.read().decode()}"
            yield "http://" + json.loads(line)["listen"][0]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            process.stderr.close()


def write_folder(folder, files):
    """Writes files by relative path."""
    for name, data in files.items():
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
