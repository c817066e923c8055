"""Runs the program as a user would, and returns its exit status, its output and its files.

The environment variable TWICE_PROGRAM names the program. tests/CMakeLists.txt sets it. Every test works
in its own empty folder, which is also HOME, so the user's files cannot change a result. This file needs
only Python's standard library.
"""

import collections
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(os.environ["TWICE_PROGRAM"])
# Programs with sanitizers are about ten times slower, so some tests do less.
SANITIZED = bool(os.environ.get("TWICE_SANITIZE"))

LOCK = ".twice-lock"

SKIPPED = 77  # the exit status that ctest takes for "skipped"


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def environment(self, **changes):
        """The caller's environment without the variables that would change a run."""
        result = {k: v for k, v in os.environ.items() if not k.startswith(("TWICE_", "OMP_", "GOMP_"))}
        return {**result, "HOME": str(self.folder), **changes}

    def start(self, *arguments, environment=None, **options):
        """Starts `twice ARGUMENTS` in the test's folder."""
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(**(environment or {})), **options)

    def run_twice(self, *arguments, **options):
        """Runs `twice ARGUMENTS` to its end. Returns (exit status, output, errors)."""
        process = self.start(*arguments, **options)
        output, errors = process.communicate()
        return process.returncode, output, errors

    def succeed(self, *arguments, **options):
        """Runs `twice ARGUMENTS`, which must succeed and print nothing on stderr. Returns its output."""
        status, output, errors = self.run_twice(*arguments, **options)
        self.assertEqual((status, errors), (0, ""), arguments)
        return output

    def refuse(self, status, fragments, *arguments, **options):
        """Runs `twice ARGUMENTS`, which must end with this status and print one line on stderr. The line
        must contain every fragment. Returns the line."""
        actual, _, errors = self.run_twice(*arguments, **options)
        self.assertEqual(actual, status, (arguments, errors))
        self.assertTrue(errors.endswith("\n") and errors.count("\n") == 1, (arguments, errors))
        for fragment in fragments:
            self.assertIn(fragment, errors, arguments)
        return errors

    def files(self):
        """The files below the test's folder, with their bytes. The files of locks are left out: each command
        writes its process id there."""
        return {str(path.relative_to(self.folder)): path.read_bytes()
                for path in sorted(self.folder.rglob("*")) if not path.is_dir() and path.name != LOCK}

    def json(self, name):
        return json.loads((self.folder / name).read_text())


def read_safetensors(path):
    """The contents of a safetensors file: ({name: (dtype, shape, bytes)}, {note: text})."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    notes = header.pop("__metadata__", {})
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items()}, notes


def numbers(entry):
    """The numbers of an entry of `read_safetensors`, as a flat list."""
    dtype, shape, data = entry
    code = {"F32": "f", "F64": "d", "I32": "i"}[dtype]
    return list(struct.unpack(f"<{math.prod(shape)}{code}", data))


def main():
    """Runs unittest.main. If tests were skipped, the exit status is SKIPPED for ctest, and lines that begin
    with "skipped: " give the number and the reason for `./twice test`."""
    result = unittest.main(verbosity=2, exit=False).result
    name = "command_" + pathlib.Path(sys.argv[0]).stem.removesuffix("_test")
    for reason, count in collections.Counter(reason for _, reason in result.skipped).items():
        print(f"skipped: {name}, {count} test{'s' * (count > 1)}: {reason}")
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if result.skipped else 0)
