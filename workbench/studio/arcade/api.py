"""Playing alongside an agent over a websocket: `/api/arcade/RUN?seed=0&step=800000&ticket=...`.

The ticket is told by GET `/api/arcade/`, and shows that it is the studio's own page that asks.

The page sends JSON objects that say what to `do`:

- `hold`: `buttons`, all that are held down now, the latest last
- `press`: `button`; where the world waits for a person, the person's next step
- `speed`: `value`, a share of the game's own speed
- `pause`: `value`, whether; a session begins paused
- `finish`: the agent plays its episode to the end, now that the person's is over
- `restart`: `seed`, of both episodes

The studio sends one JSON object of facts, and again after each `restart`; then, after each step, a
binary message: the length of a JSON header (4 bytes, the highest first), the header, and the
person's and the agent's screen, whose lengths it names. A screen of length 0 is as it was before.
What cannot be played, or fails while it is played, is told as `{"problem": ...}`.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from workbench.errors import UsageError, WorkError
from workbench.runs import checkpoint
from workbench.runs.run import Run
from workbench.studio.answers import Answer
from workbench.studio.arcade import episode
from workbench.studio.arcade.episode import MAX_SEED, Duel, Side
from workbench.studio.library import Library
from workbench.studio.queries import whole_number

MOST_SESSIONS = 4
IDLE_SECONDS = 600.0
MAX_MESSAGE = 1024  # characters
MESSAGES_PER_SECOND = 60.0
MESSAGES_AT_ONCE = 120.0
SPEEDS = 0.1, 2.0
ALONE_FPS = 4  # of an agent that plays on where the world would wait for a person
STEPS_PER_FRAME = 8  # of an agent that plays to the end
MOST_WAITING = 8  # presses that are still to be done
BAD_MESSAGE, TOO_LARGE, TRY_LATER, GOING_AWAY, FAILED = 1008, 1009, 1013, 1001, 1011
DIGITS = 4
LOG = logging.getLogger(__name__)

T = TypeVar("T")


class End(Exception):
    """The reason why the studio ends a session."""

    def __init__(self, code: int, reason: str) -> None:
        """`code`: of websockets."""
        super().__init__(reason)
        self.code = code


class Wishes:
    """What the person wants, by the messages so far."""

    def __init__(self, buttons: set[str]) -> None:
        """`buttons`: the names of all buttons."""
        self._buttons = buttons
        self.held: list[str] = []
        self.tapped: list[str] = []  # held since the latest step, perhaps no more
        self.presses: list[str] = []
        self.speed = 1.0
        self.paused = True
        self.finish = False
        self.restart: int | None = None
        self.changed = asyncio.Event()

    def take(self, text: str) -> None:
        """Takes a message; raises End if no page of the studio sends such a one."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise End(BAD_MESSAGE, "not JSON") from None
        match message:
            case {"do": "hold", "buttons": list(held)} if all(map(self._is_button, held)):
                self.held = list(dict.fromkeys(held))
                self.tapped = list(dict.fromkeys([*self.tapped, *held]))
            case {"do": "press", "button": str(button)} if self._is_button(button):
                self.presses = [*self.presses, button][:MOST_WAITING]
            case {"do": "speed", "value": int() | float() as value} if _within(value, *SPEEDS):
                self.speed = float(value)
            case {"do": "pause", "value": bool(value)}:
                self.paused = value
            case {"do": "finish"}:
                self.finish = True
            case {"do": "restart", "seed": int(seed)} if _within(seed, 0, MAX_SEED):
                self.restart = seed
            case _:
                raise End(BAD_MESSAGE, "unknown message")
        self.changed.set()

    def _is_button(self, name: object) -> bool:
        return isinstance(name, str) and name in self._buttons

    def begin_anew(self) -> None:
        """Forgets what was wanted of the episodes before."""
        self.tapped, self.presses, self.finish, self.restart = [], [], False, None

    def buttons_now(self) -> list[str]:
        """Returns what counts as held for the next step: also what was only tapped since."""
        tapped = [name for name in self.tapped if name not in self.held]
        self.tapped = []
        return [*tapped, *self.held]


def _within(value: float, low: float, high: float) -> bool:
    return not isinstance(value, bool) and low <= value <= high


class Session:
    """One person who plays, for as long as the socket is open."""

    def __init__(self, socket: WebSocket, run: Run, worker: ThreadPoolExecutor) -> None:
        """`worker`: has one thread, which does all that takes long."""
        self._socket = socket
        self._run = run
        self._worker = worker
        self._sent: list[tuple[int, int] | None] = [None, None]  # seed, steps of the screens
        self._measured = time.monotonic(), MESSAGES_AT_ONCE

    async def play(self, player: str, seed: int) -> None:
        """Plays until the page ends it.

        Raises:
            End: the studio ends it.
            UsageError: see `Duel`.
            Exception: whatever goes wrong in a world or the agent; both worlds are closed then.
        """
        loading = asyncio.ensure_future(self._work(partial(Duel, player, seed)))
        try:
            self._duel = await asyncio.shield(loading)
        except asyncio.CancelledError:
            with suppress(Exception):  # nobody is left to be told
                await self._work((await loading).close)
            raise
        try:
            self._wishes = Wishes({button.name for button in self._duel.controls.buttons})
            await self._serve()
        finally:
            await self._work(self._duel.close)

    async def _serve(self) -> None:
        tasks = [asyncio.create_task(part()) for part in (self._listen, self._show)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # Of both, the first: it is no failure that a page which has left is shown no more.
            with suppress(WebSocketDisconnect):
                next(task for task in tasks if task.done()).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, task: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, task)

    async def _listen(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self._socket.receive()
            except TimeoutError:
                raise End(GOING_AWAY, "nobody has played for a while") from None
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if self._floods():
                raise End(BAD_MESSAGE, "too many messages")
            if text is None:
                raise End(BAD_MESSAGE, "messages are text")
            if len(text) > MAX_MESSAGE:
                raise End(TOO_LARGE, "the message is too long")
            self._wishes.take(text)

    def _floods(self) -> bool:
        """Returns whether more messages come than a person can cause; to be asked at each."""
        before, left = self._measured
        now = time.monotonic()
        left = min(MESSAGES_AT_ONCE, left + (now - before) * MESSAGES_PER_SECOND) - 1
        self._measured = now, left
        return left < 0

    async def _show(self) -> None:
        """Advances both sides at each step's due time and sends their screens."""
        wishes, duel = self._wishes, self._duel
        own_speed = episode.steps_per_second(duel.play)
        due = asyncio.get_running_loop().time()
        await self._tell_facts()
        while True:
            await self._socket.send_bytes(await self._work(self._frame))
            while wishes.restart is None and not self._may_go_on(own_speed):
                wishes.changed.clear()
                await wishes.changed.wait()
            if wishes.restart is not None:
                seed = wishes.restart
                wishes.begin_anew()
                await self._work(partial(duel.begin, seed))
                await self._tell_facts()
                continue
            if wishes.finish and duel.person.over:
                await self._work(self._finish)
                continue
            if own_speed is None and not duel.person.over:
                action = duel.controls.action([wishes.presses.pop(0)])
                if action is not None:
                    await self._work(partial(duel.advance, action))
                continue
            due = await self._wait(due, (own_speed or ALONE_FPS) * wishes.speed)
            if not wishes.paused and wishes.restart is None:
                action = duel.controls.action(wishes.buttons_now()) or 0
                await self._work(partial(duel.advance, action))

    def _may_go_on(self, own_speed: float | None) -> bool:
        duel, wishes = self._duel, self._wishes
        if duel.over or wishes.paused:
            return False
        return own_speed is not None or duel.person.over or bool(wishes.presses)

    async def _wait(self, due: float, speed: float) -> float:
        """Waits for the next step and returns when it was due; delays are not made up for."""
        now = asyncio.get_running_loop().time()
        due = max(due + 1 / speed, now)
        await asyncio.sleep(due - now)
        return due

    def _finish(self) -> None:
        for _ in range(STEPS_PER_FRAME):
            self._duel.advance(0)

    async def _tell_facts(self) -> None:
        duel = self._duel
        self._sent = [None, None]
        await self._socket.send_json(
            {
                "game": duel.spec.name,
                "kind": duel.env_config.kind,
                "protocol": duel.spec.protocol,
                "seed": duel.seed,
                "step": duel.env_steps,
                "checkpoints": checkpoint.list_steps(self._run.checkpoints),
                "actions": duel.spec.action_names,
                "buttons": [button._asdict() for button in duel.controls.buttons],
                "steps_per_second": episode.steps_per_second(duel.play),
                "media_type": episode.media_type(duel.play),
            }
        )

    def _frame(self) -> bytes:
        duel = self._duel
        screens = []
        for i, side in enumerate((duel.person, duel.agent)):
            shown = duel.seed, side.steps
            fresh = self._sent[i] != shown
            screens.append(episode.encoded(duel.play, side.screen()) if fresh else b"")
            self._sent[i] = shown
        agent = _facts(duel.agent)
        if duel.decision is not None:
            policy = duel.decision.policy
            agent["values"] = _short(duel.decision.values[0])
            agent["policy"] = None if policy is None else _short(policy[0])
        header = {
            "sizes": [len(screen) for screen in screens],
            "person": _facts(duel.person),
            "agent": agent,
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        return b"".join([len(text).to_bytes(4, "big"), text, *screens])


def _facts(side: Side) -> dict[str, Any]:
    facts = {name: getattr(side, name) for name in ("steps", "over", "lives", "action")}
    return facts | {"score": round(side.score, DIGITS)}


def _short(numbers: Any) -> list[float | None]:
    """Returns numbers as JSON can have them."""
    rounded = [round(float(number), DIGITS) for number in numbers]
    return [number if abs(number) < float("inf") else None for number in rounded]


def routes(library: Library) -> list[BaseRoute]:
    """Returns the routes below `/api/arcade`."""
    sessions: set[WebSocket] = set()

    async def play(socket: WebSocket) -> None:
        await socket.accept()  # or a page would not learn why it may not play
        if len(sessions) >= MOST_SESSIONS:
            told = f"{MOST_SESSIONS} people are playing already; try again when one has stopped"
            await _end(socket, TRY_LATER, "busy", told)
            return
        sessions.add(socket)
        worker = ThreadPoolExecutor(1, thread_name_prefix="arcade")
        try:
            run = await asyncio.to_thread(library.trained_run, socket.path_params["run"])
            seed = whole_number(socket.query_params, "seed", most=MAX_SEED) or 0
            step = whole_number(socket.query_params, "step")
            player = f"{run.path}@{step}" if step is not None else str(run.path)
            await Session(socket, run, worker).play(player, seed)
        except End as end:
            await _end(socket, end.code, str(end), str(end))
        except (UsageError, WorkError, HTTPException) as error:
            told = error.detail if isinstance(error, HTTPException) else str(error)
            await _end(socket, BAD_MESSAGE, "not playable", told)
        except Exception:  # of a world or an agent: told in the terminal, not to visitors
            LOG.exception("the game beside %s failed", socket.path_params["run"])
            told = "the game failed, so it is over; the terminal of the studio says why"
            await _end(socket, FAILED, "failed", told)
        finally:
            sessions.discard(socket)
            worker.shutdown(wait=False)

    def ticket(request: Request) -> Response:
        return Answer({"ticket": request.scope["ticket"]}, headers={"Cache-Control": "no-store"})

    return [Route("/", ticket), WebSocketRoute("/{run}", play)]


async def _end(socket: WebSocket, code: int, reason: str, told: str) -> None:
    """Tells the page why it ends, and ends it."""
    with suppress(WebSocketDisconnect, RuntimeError):
        if socket.client_state is WebSocketState.CONNECTED:
            await socket.send_json({"problem": told})
            await socket.close(code, reason)
