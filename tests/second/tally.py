"""Tally: what was tried, and whether it held. One line for each on stdout."""

import sys
import traceback

from codec import Refused


class Tally:
    """Counts. A test is a statement and a function that raises if the statement does not hold."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, statement, test, *arguments):
        """Runs one test; gives what it gives, or None."""
        try:
            result = test(*arguments)
        except Exception as error:  # any error at all is a failure of this test, and the others go on
            self.failed += 1
            print(f"FAILED  {statement}", flush=True)
            reason = error if isinstance(error, (AssertionError, Refused)) and str(error) else traceback.format_exc()
            print(f"        {reason}", flush=True)
            return None
        self.passed += 1
        print(f"ok      {statement}", flush=True)
        return result

    def end(self):
        """The line that ends it all; exits."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def equal(got, due, what=""):
    """Asserts that two things are the same, and shows both."""
    assert got == due, f"{what}: got {shown(got)}, due {shown(due)}"


def equal_rows(got, due):
    """Asserts that two tables are the same, and shows all rows that are not."""
    wrong = [f"{row}: got {shown(got.get(row))}, due {shown(due[row])}" for row in due if got.get(row) != due[row]]
    assert not wrong, "\n        ".join(wrong)


def shown(value):
    """Bytes in hexadecimal, the rest as Python shows it."""
    return value.hex() if isinstance(value, bytes) else repr(value)


def refused(must, test, *arguments):
    """Asserts that a check refuses, by one of these MUSTs if any are given."""
    musts = () if must is None else (must,) if isinstance(must, str) else must
    try:
        got = test(*arguments)
    except Refused as refusal:
        assert not musts or refusal.must in musts, f"refused by {refusal.must} and not by {musts}: {refusal}"
        return refusal.must
    raise AssertionError(f"accepted: {shown(got)}")


def flipped(data, at, bit=0):
    """The bytes with one bit turned."""
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
