"""What README.md and docs/architecture.md say of DQN's path is what a training goes through."""

import re
from pathlib import Path

import pytest

from benchmarks.dqn_path import ROOT, Trace, describe, trace
from tests.end_to_end.conftest import Ludus

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture
def found(ludus: Ludus, here: Path) -> Trace:  # short videos
    return trace(here)


def test_the_documents_say_what_a_training_goes_through(found: Trace) -> None:
    assert describe(found) in (ROOT / "docs/architecture.md").read_text()
    readme = (ROOT / "README.md").read_text()
    (paragraph,) = re.findall(r"^DQN end to end.*?(?=\n\n)", readme, re.DOTALL | re.MULTILINE)
    files = re.findall(r"`((?:agents|envs|workbench)/[\w/]+\.py)`", paragraph)
    assert files == found.files
    assert f"{len(files)} files" in paragraph
    # The last call on the stack is our own, and makes one more: that of the optimizer.
    said = re.findall(r"from the command to `optimizer\.step\(\)`\s+there are (\w+) calls", readme)
    assert said == [NUMBERS[len(found.calls)]]
