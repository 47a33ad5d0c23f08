"""How processes end that serve a protocol: at once, quietly, with the code that says why."""

import subprocess
import sys

import pytest

from tests.end_to_end.launcher import ROOT
from workbench.engines.serve import serve_and_leave
from workbench.errors import UsageError


@pytest.mark.parametrize(
    ("body", "code", "out"),
    [
        ("print(player)", 0, "runs/me\n"),
        ("print(1); raise KeyboardInterrupt", 130, "1\n"),
        ("raise BrokenPipeError", 0, ""),
        ("import threading; threading.Thread(target=threading.Event().wait).start()", 0, ""),
        ("sys.stdout.close()", 0, ""),
    ],
)
def test_a_process_that_serves_ends_at_once(body, code, out):
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from workbench.engines.serve import serve_and_leave\n"
        f"def serve(player):\n    {body}\n"
        "serve_and_leave(serve, 'runs/me')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, out, "")


def test_what_cannot_begin_is_told_by_the_command():
    def serve(player: str) -> None:
        raise UsageError(f"there is no run {player!r}")

    with pytest.raises(UsageError, match="no run 'me'"):
        serve_and_leave(serve, "me")
