// A person plays a run's game by keys or touch, alongside the agent's attempt at the same episode.
import { address, keep, newSeed, numberIn, path, withQuery } from "../page/address.js";
import { ActionBars } from "./action_bars.js";
import { pads } from "./pads.js";
import { Screen, scoreText } from "./screen.js";
import { commandsPanel } from "../page/commands.js";
import { choice, element, get, heading, isForPage, setOptions } from "../page/dom.js";
import { gameName, whole } from "../page/words.js";

const SPEEDS = [[1, "Game speed"], [0.75, "¾ speed"], [0.5, "½ speed"], [0.25, "¼ speed"]];

// `run`: what the studio tells of it.
export async function show(page, run, query) {
  const seed = numberIn(query, "seed", newSeed());
  const game = new Game(page, run, seed, query.get("step"));
  game.connect();
  return () => game.leave();
}

class Game {
  constructor(page, run, seed, step) {
    Object.assign(this, { page, run, seed, step, held: [], facts: null, state: "loading" });
    this.speed = 1;
    this.listening = new AbortController();
    this.latest = Promise.resolve();
    this.build();
    const options = { signal: this.listening.signal };
    window.addEventListener("keydown", (event) => this.onKey(event, true), options);
    window.addEventListener("keyup", (event) => this.onKey(event, false), options);
    window.addEventListener("blur", () => this.release(), options);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.pause();
    }, options);
  }

  build() {
    const { id, name, game } = this.run;
    this.told = element("span", {}, "Getting the game and the agent ready…");
    this.status = element("p", { class: "arcade-status", role: "status" });
    this.go = element("button", { class: "primary", disabled: true, onclick: () => this.onGo() },
      "Start");
    this.again = element("button", { disabled: true, onclick: () => this.restart(this.seed) },
      "Same game again");
    this.fresh = element("button", { disabled: true, onclick: () => this.restart(newSeed()) },
      "New game");
    this.speeds = choice(SPEEDS, 1, (speed) => this.setSpeed(Number(speed)));
    this.speedLabel = element("label", {}, "Speed", this.speeds);
    this.steps = choice([], null, (step) => this.setStep(step));
    this.stepsLabel = element("label", { hidden: true }, "Agent after", this.steps);
    this.person = new Screen("You", "Your screen");
    this.agent = new Screen("The agent", "The agent's screen");
    this.keys = element("div", { class: "arcade-keys" });
    this.thoughts = new ActionBars();
    this.person.figure.append(this.keys);
    this.agent.figure.append(this.thoughts.node);
    this.stage = element("div", { class: "arcade", tabindex: "0", role: "group",
      "aria-label": "The game: keys play it while the focus is here" },
    this.person.figure, this.agent.figure);
    this.page.append(
      heading(`Play ${gameName(game)} beside the agent`, {
        back: { href: address("run", id), words: name },
        about: this.told,
      }),
      element("div", { class: "row arcade-bar" }, this.go, this.again, this.fresh, this.speedLabel,
        this.stepsLabel),
      this.status, this.stage,
      commandsPanel(this.run.commands.filter(({ what }) => what === "Play")) ?? "",
    );
  }

  // ---- what the studio tells

  async connect() {
    const mine = (this.connecting = {});
    this.setState("loading");
    let told;
    try {
      told = await get("arcade/");
    } catch (error) {
      if (mine === this.connecting) this.fail(error.message);
      return;
    }
    if (mine !== this.connecting) return; // another one is wanted, or the page was left
    const asked = { seed: this.seed, step: this.step, ticket: told.ticket };
    const at = new URL(withQuery(`api/${path("arcade", this.run.id)}`, asked), document.baseURI);
    at.protocol = at.protocol === "https:" ? "wss:" : "ws:";
    this.problem = null;
    const socket = new WebSocket(at);
    socket.binaryType = "arraybuffer";
    // One after the other, and only while it is still this game that is played.
    const next = (f) => {
      this.latest = this.latest
        .then(() => (socket === this.socket ? f() : null))
        .catch((error) => this.fail(error.message));
    };
    socket.onmessage = ({ data }) => next(() => this.onMessage(data));
    socket.onclose = () =>
      next(() => this.fail(this.problem ?? "The studio has ended the game."));
    this.socket = socket;
  }

  async onMessage(data) {
    if (typeof data !== "string") return this.onFrame(data);
    const facts = JSON.parse(data);
    if (facts.problem) this.problem = facts.problem;
    else this.onFacts(facts);
  }

  onFacts(facts) {
    const first = this.facts === null;
    this.facts = facts;
    this.seed = facts.seed;
    this.turns = facts.steps_per_second === null;
    this.told.replaceChildren(
      `The agent has trained for ${whole(facts.step)} steps. Both play game number ${facts.seed}`
      + ` under the same rules${facts.protocol ? ` (${facts.protocol})` : ""}`
      + `${this.turns ? "; it takes a step whenever you do." : "."}`,
    );
    keep(this.page, withQuery(address("play", this.run.id), { seed: facts.seed, step: this.step }));
    this.speedLabel.hidden = this.turns;
    this.stepsLabel.hidden = facts.checkpoints.length < 2;
    setOptions(this.steps, facts.checkpoints.map((step) => [step, `${whole(step)} steps`]), facts.step);
    this.held = [];
    this.keys.replaceChildren(...pads(facts.buttons, {
      hold: (name) => this.hold(name),
      let: (name) => this.let(name),
      repeats: this.turns,
    }));
    this.thoughts.clear();
    this.setState("ready");
    if (this.speed !== 1 && first) this.send({ do: "speed", value: this.speed });
    if (this.turns) this.play();
  }

  async onFrame(data) {
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    let at = 4 + length;
    const screens = header.sizes.map((size) => {
      const bytes = new Uint8Array(data, at, size);
      at += size;
      return bytes;
    });
    await Promise.all([
      this.person.draw(screens[0], this.facts, header.person),
      this.agent.draw(screens[1], this.facts, header.agent),
    ]);
    this.stage.dataset.steps = header.person.steps;
    this.thoughts.show(this.facts.actions, header.agent);
    this.sides = header;
    if (header.person.over && header.agent.over) this.setState("over");
    else if (this.state === "playing") this.setState("playing");
  }

  fail(message) {
    if (this.state === "failed") return;
    this.failure = message;
    this.setState("failed");
  }

  // ---- what is going on

  setState(state) {
    this.state = state;
    const names = { ready: "Start", playing: "Pause", paused: "Go on", failed: "Try again" };
    const finish = state === "playing" && this.sides?.person.over;
    this.go.replaceChildren(finish ? "Skip to the agent's end" : names[state] ?? "Start");
    this.go.hidden = state === "over" || (this.turns && state === "playing" && !finish);
    this.go.disabled = state === "loading";
    this.again.disabled = this.fresh.disabled = state === "loading" || state === "failed";
    this.again.classList.toggle("primary", state === "over");
    this.status.classList.toggle("problem", state === "failed");
    this.status.classList.toggle("arcade-verdict", state === "over");
    const message = this.message(finish);
    if (this.status.textContent !== message) this.status.replaceChildren(message);
    this.stage.classList.toggle("a-waiting", state !== "playing" && state !== "over");
  }

  message(finish) {
    switch (this.state) {
      case "loading": return "Loading…";
      case "ready": return "Ready: press Start or any of the keys below.";
      case "paused": return "Paused. Press Go on or any of the keys below.";
      case "failed": return this.failure;
      case "over": return this.verdict();
      default:
        if (finish) return "Your game is over; the agent still plays.";
        if (this.sides?.agent.over) return "The agent's game is over; you still play.";
        return this.turns ? "Your turn: each key is a step." : "Playing.";
    }
  }

  verdict() {
    const [mine, its] = [this.sides.person.score, this.sides.agent.score];
    const scores = `You scored ${scoreText(mine)}, the agent ${scoreText(its)}`;
    if (mine === its) return `${scores}: a draw.`;
    const better = mine > its ? "you did better" : "the agent did better";
    return `${scores}: ${better}, by ${scoreText(Math.abs(mine - its))}.`;
  }

  onGo() {
    if (this.state === "failed") {
      this.facts = this.sides = null;
      this.connect();
    } else if (this.state === "playing" && this.sides?.person.over) this.send({ do: "finish" });
    else if (this.state === "playing") this.pause();
    else this.play();
    this.stage.focus({ preventScroll: true });
  }

  play() {
    this.send({ do: "pause", value: false });
    this.setState("playing");
  }

  pause() {
    if (this.state !== "playing" || this.turns) return;
    this.release();
    this.send({ do: "pause", value: true });
    this.setState("paused");
  }

  restart(seed) {
    this.send({ do: "pause", value: true });
    this.send({ do: "restart", seed });
    this.sides = null;
    this.setState("loading");
    this.stage.focus({ preventScroll: true });
  }

  setSpeed(speed) {
    this.speed = speed;
    this.send({ do: "speed", value: speed });
  }

  setStep(step) {
    this.step = step;
    this.hangUp();
    this.facts = this.sides = null;
    this.connect();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hangUp() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  leave() {
    this.listening.abort();
    this.connecting = null;
    this.hangUp();
  }

  // ---- what the person does

  onKey(event, down) {
    if (!this.facts || !isForPage(event) || event.target.closest?.("a, button")) return;
    const button = this.facts.buttons.find(({ keys }) => keys.includes(event.code));
    if (!button) return;
    event.preventDefault();
    if (!down) this.let(button.name);
    else if (!event.repeat || this.turns) this.hold(button.name);
  }

  hold(name) {
    if (this.state === "ready" || this.state === "paused") this.play();
    if (this.state !== "playing") return;
    this.light(name, true);
    if (this.turns) {
      const now = performance.now();
      if (now - (this.pressed ?? 0) < 60) return; // a key held down repeats faster than one sees
      this.pressed = now;
      this.send({ do: "press", button: name });
    } else {
      this.held = [...this.held.filter((other) => other !== name), name];
      this.send({ do: "hold", buttons: this.held });
    }
  }

  let(name) {
    this.light(name, false);
    if (!this.held.includes(name)) return;
    this.held = this.held.filter((other) => other !== name);
    this.send({ do: "hold", buttons: this.held });
  }

  release() {
    for (const name of this.held) this.light(name, false);
    if (this.held.length) this.send({ do: "hold", buttons: [] });
    this.held = [];
  }

  light(name, down) {
    this.keys.querySelector(`[data-button="${CSS.escape(name)}"]`)?.classList.toggle("a-held", down);
  }
}
