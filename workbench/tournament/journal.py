"""A tournament's finished work on disk: one folder per set of conditions.

- `conditions.json`: what all of it has in common, and which network each name stood for
- a file of JSON lines, appended: the truth that every table is made from

Whatever is asked of a folder later, nothing in it is done again.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from workbench.engines.identity import Identity, difference
from workbench.errors import UsageError, WorkError
from workbench.runs.checkpoint import write_atomically
from workbench.runs.run import RUNS

K = TypeVar("K")
R = TypeVar("R")
CONDITIONS = "conditions.json"


def usual_folder(*facts: str) -> Path:
    """Returns a folder that is the same whenever the same is asked for."""
    return RUNS / "tournaments" / re.sub(r"[^\w.+-]+", "-", "-".join(facts))


def condition_of(directory: Path, name: str) -> Any:
    """Returns what a folder's lines have in common under this name; None: nothing is known yet.

    What is wrong with a damaged folder, `Journal` says.
    """
    try:
        return json.loads((directory / CONDITIONS).read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


class Journal(Generic[K, R]):
    """An open folder, to which nobody else appends meanwhile.

    Attributes:
        directory: the folder.
        path: its file of lines; its stem names them in messages.
        entries: all that is in it.
    """

    def __init__(
        self,
        path: Path,
        conditions: Mapping[str, Any],
        *,
        key: Callable[[R], K],
        write: Callable[[R], Mapping[str, Any]],
        parse: Callable[[Any], R],
    ) -> None:
        """Opens the folder or makes it.

        Args:
            path: the file of lines, which may be there already.
            conditions: what all lines have in common, JSON.
            key: returns which one an entry is: the latest of its kind counts.
            write: returns an entry as JSON.
            parse: returns the entry of such JSON; raises ValueError, KeyError or TypeError.

        Raises:
            UsageError: they came about under other conditions, the folder is damaged, or another
                process has it open.
            WorkError: the folder cannot be written.
        """
        self.directory = path.parent
        self.path = path
        self._conditions_path = self.directory / CONDITIONS
        self._key, self._write, self._parse = key, write, parse
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+", buffering=0)
        except OSError as error:
            raise WorkError(
                f"{self.directory} cannot be written ({error.strerror}); choose another folder "
                "with --out"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._conditions = self._agree(json.loads(json.dumps(conditions)))
            self.entries = self._read()
        except BaseException as error:
            self._file.close()
            if isinstance(error, BlockingIOError):
                raise UsageError(f"another process is playing in {self.directory}") from None
            raise

    def _agree(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if not self._conditions_path.is_file():
            return self._note({**wanted, "players": {}})
        try:
            conditions = dict(json.loads(self._conditions_path.read_text(encoding="utf-8")))
            players = dict(conditions["players"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self._conditions_path} is damaged ({error})") from None
        for name, value in wanted.items():
            if conditions.get(name) != value:
                raise UsageError(
                    f"{self.directory} holds {self.path.stem} with {name} "
                    f"{conditions.get(name)!r}, not {value!r}; choose another folder with --out"
                )
        return {**conditions, "players": players}

    def admit(self, identities: Mapping[str, Identity]) -> None:
        """Notes who plays.

        Raises:
            UsageError: somebody else has played here under one of these names.
        """
        known = self._conditions["players"]
        for name, identity in identities.items():
            known[name] = known.get(name) or identity  # older folders say nothing of engines
            try:
                another = difference(known[name], identity)
            except (KeyError, TypeError, AttributeError):
                raise UsageError(
                    f"{self._conditions_path} is damaged (what it says of {name})"
                ) from None
            if another:
                raise UsageError(
                    f"{name} is {another} than that which played in {self.directory}; "
                    "choose another folder with --out"
                )
        self._note(self._conditions)

    def _note(self, conditions: dict[str, Any]) -> dict[str, Any]:
        write_atomically(self._conditions_path, json.dumps(conditions, indent=1) + "\n")
        return conditions

    def _read(self) -> dict[K, R]:
        """Returns all entries; a last line that was cut short by a kill is removed."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        entries = {}
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = self._parse(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{self.path}, line {number}, is damaged ({error})") from None
            entries[self._key(entry)] = entry
        return entries

    def append(self, entry: R) -> None:
        """Adds an entry."""
        line = json.dumps(self._write(entry)).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"{self.path} cannot be written")
        self.entries[self._key(entry)] = entry

    def close(self) -> None:
        """Makes all entries durable and lets others have the folder."""
        os.fsync(self._file.fileno())
        self._file.close()
