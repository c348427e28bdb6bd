"""Differ test: many inputs that are right, nearly right and wrong, and the verdicts of two implementations on them.

`levada check` says the verdict on structures, and for a bundle the state of every record in it; `levada follow` says
what is no link by its exit status 2. Which MUST a refusal
names is not compared, but for head-2 of the structure itself, which is a verdict of its own (spec/README.md).
"""

import json
import subprocess

import bundle as bundle_page
import codec
import fork as fork_page
import link as link_page
import link_cases
import list as list_page
import record as record_page
import record_cases
import structure_cases
import succession as succession_page
from author import Author
from codec import Refused
from node import Node
from tally import equal_rows
from variants import turned

SECRET = bytes([41] * 32)
CHECKS = {
    "bundle": bundle_page.check_bundle,
    "large bundle": bundle_page.check_bundle,
    "fork": fork_page.check_fork,
    "succession": succession_page.check_succession,
    "answer": lambda data: list_page.check_answer(data, None, 0),
}


def test_all(tally, program, temp):
    """Records, then structures."""
    node = Node(program, temp / "differ")
    tally.check("both see every record alike", records, node, temp)
    tally.check("both take the same links", links, program, temp)
    for kind, cases in structures().items():
        tally.check(f"both have one verdict on every {kind}", verdicts, node, temp / f"{kind}.cases", kind, cases)


def records(node, temp):
    """One bundle of them all."""
    author = Author(SECRET)
    for data in record_cases.records():
        author.append_bytes(data)
    file = temp / "records.bundle"
    # Not as a server would send them: whatever is retracted travels too.
    file.write_bytes(bundle_page.make_bundle(author.head(), author.length, author.hashes, 0, author.records))
    shown = {one["index"]: one["state"] for one in node.json("check", file)["records"]}
    due = {index: record_page.state(data, index).replace(" ", "-") for index, data in enumerate(author.records)}
    assert len(set(due.values())) == 3
    named = {index: f"record {index}, {author.records[index].hex()[:400]}" for index in due}
    equal_rows({named[index]: shown.get(index) for index in due}, {named[index]: due[index] for index in due})


def links(program, temp):
    """Each is followed by a node that knows nothing yet, and leads nowhere."""
    got, due = {}, {}
    for number, text in enumerate(link_cases.links()):
        if text != "" and not text.startswith("lev1"):  # a bare key is no link, and followed all the same
            due[text] = verdict(link_page.read_link, text.encode())
            status = Node(program, temp / f"link-{number}").status("follow", "--", text)
            got[text] = "accepted" if status == 4 else due[text] if status == 2 and due[text] != "accepted" else status
    equal_rows(got, due)


def structures():
    """All cases by kind."""
    ana = structure_cases.feed(100)
    return {
        "bundle": [*structure_cases.bundles(), *turned(ana.bundle(33, 35), 60)],
        "large bundle": [*structure_cases.many_slots(), *structure_cases.large_bundles()],
        "fork": [*structure_cases.forks()],
        "succession": [*structure_cases.successions()],
        "answer": [*structure_cases.answers()],
    }


def verdict(check, data):
    """Ours."""
    try:
        check(data)
    except Refused as refused:
        return "newer" if refused.must == "head-2" and is_newer(data) else f"refused ({refused.must})"
    return "accepted"


def is_newer(data):
    """Whether the version of the structure itself is another one, and not only that of a head in it."""
    try:
        codec.check_version(data, "form")
    except Refused as refused:
        return refused.must == "head-2"
    return False


def verdicts(node, file, kind, cases):
    """Asks both about each case."""
    got, due = {}, {}
    for number, (name, data) in enumerate(cases):
        row = f"{number} {name}: {data[:700].hex()}"
        due[row] = verdict(CHECKS[kind], data)
        file.write_bytes(data)
        done = subprocess.run(
            [node.program, "check", str(file), "--json"], env=node.environment, capture_output=True, timeout=60
        )
        if done.returncode == 0:
            got[row] = "accepted"
            continue
        error = json.loads(done.stderr)
        assert done.returncode == 5, f"{row}: status {done.returncode}: {error}"
        must = error["message"].removeprefix(f"{file}: ").partition(":")[0]
        got[row] = "newer" if must == "head-2" and is_newer(data) else f"refused ({must})"
        if got[row].startswith("refused") and due[row].startswith("refused"):
            got[row] = due[row]
    assert len({one.partition(" ")[0] for one in due.values()}) > 1
    equal_rows(got, due)
