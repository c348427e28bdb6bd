"""Everything, in order: self-checks, the vectors, and a levada program that serves and follows.

    check.py LEVADA        with the path of the program
"""

import pathlib
import sys
import tempfile

import differ_test
import fetch_test
import follow_test
import odd_test
import self_test
import vector_test
from tally import Tally


def main(program):
    """Runs it all; exits with 1 if anything did not hold."""
    tally = Tally()
    self_test.test_all(tally)
    vector_test.test_all(tally)
    with tempfile.TemporaryDirectory(prefix="levada-second-") as temp:
        temp = pathlib.Path(temp)
        fetch_test.test_all(tally, program, temp)
        follow_test.test_all(tally, program, temp)
        follow_test.test_check(tally, program, temp)
        odd_test.test_all(tally, program, temp)
        differ_test.test_all(tally, program, temp)
    tally.end()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
