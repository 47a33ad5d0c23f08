// A person plays a run's game with keys or touch, beside the agent's own try at the same episode.
import { element, short } from "./dom.js";

const SPEEDS = [[1, "Game speed"], [0.75, "¾ speed"], [0.5, "½ speed"], [0.25, "¼ speed"]];
const SEEDS = 100_000;
const KEY_NAMES = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Space: "Space",
};
const ARROWS = { up: "▲", down: "▼", left: "◀", right: "▶" };

export async function show(page, parts, query) {
  const [run] = parts;
  const seed = /^\d{1,9}$/.test(query.get("seed") ?? "") ? Number(query.get("seed")) : newSeed();
  const game = new Game(page, run, seed, query.get("step"));
  game.connect();
  return () => game.leave();
}

function newSeed() {
  return Math.floor(Math.random() * SEEDS);
}

// 3 -> "+3", 0.5 -> "+0.5"; a difference is always told with its sign.
function score(number) {
  return short(Math.abs(number) < 1000 ? +number.toFixed(2) : number).replace("-", "−");
}

// "atari/space_invaders" -> "Space invaders", "minigrid/MiniGrid-DoorKey-6x6-v0" -> "DoorKey 6x6"
function plainName(game) {
  const name = game.split("/").pop().replace(/^(MiniGrid|BabyAI|Vizdoom)-?/, "");
  const plain = name.replace(/-v\d+$/, "").replaceAll(/[_-]/g, " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function keyName(code) {
  return KEY_NAMES[code] ?? code.replace(/^(Key|Digit)/, "");
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
    this.title = element("h1", {}, "Play beside the agent");
    this.told = element("p", { class: "muted" }, "Getting the game and the agent ready …");
    this.status = element("p", { class: "arcade-status", role: "status" });
    this.go = element("button", { class: "primary", disabled: true, onclick: () => this.onGo() },
      "Start");
    this.again = element("button", { disabled: true, onclick: () => this.restart(this.seed) },
      "Same game again");
    this.fresh = element("button", { disabled: true, onclick: () => this.restart(newSeed()) },
      "New game");
    this.speeds = element("select", { onchange: () => this.setSpeed(Number(this.speeds.value)) },
      SPEEDS.map(([value, name]) => element("option", { value }, name)));
    this.speedLabel = element("label", {}, "Speed", this.speeds);
    this.steps = element("select", { onchange: () => this.setStep(this.steps.value) });
    this.stepsLabel = element("label", { hidden: true }, "Agent after", this.steps);
    this.person = new Screen("You", "Your screen");
    this.agent = new Screen("The agent", "The agent's screen");
    this.keys = element("div", { class: "arcade-keys" });
    this.thoughts = element("div", { class: "arcade-thoughts" });
    this.person.figure.append(this.keys);
    this.agent.figure.append(this.thoughts);
    this.stage = element("div", { class: "arcade", tabindex: "0", role: "group",
      "aria-label": "The game: keys play it while the focus is here" },
    this.person.figure, this.agent.figure);
    this.page.append(
      element("div", { class: "arcade-head" }, this.title, this.told),
      element("div", { class: "row arcade-bar" }, this.go, this.again, this.fresh, this.speedLabel,
        this.stepsLabel),
      this.status, this.stage,
    );
  }

  // ---- what the studio tells

  connect() {
    const query = new URLSearchParams({ seed: this.seed });
    if (this.step) query.set("step", this.step);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const run = encodeURIComponent(this.run);
    this.problem = null;
    const socket = new WebSocket(`${scheme}://${location.host}/api/arcade/${run}?${query}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.latest = this.latest.then(() => this.onMessage(data)).catch((e) => this.fail(e.message));
    };
    socket.onclose = () => {
      if (socket === this.socket) {
        this.latest.then(() => this.fail(this.problem ?? "The studio has ended the game."));
      }
    };
    this.socket = socket;
    this.setState("loading");
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
    const game = plainName(facts.game);
    this.title.replaceChildren(`Play ${game} beside the agent`);
    document.title = `Play ${game} – Ludus studio`;
    this.told.replaceChildren(
      element("a", { href: `#/run/${encodeURIComponent(this.run)}` }, this.run),
      `, trained for ${facts.step.toLocaleString("en")} steps. Both play game number ${facts.seed}`
      + ` under the same rules${facts.protocol ? ` (${facts.protocol})` : ""}`
      + `${this.turns ? "; it takes a step whenever you do." : "."}`,
    );
    const options = new URLSearchParams({ seed: facts.seed });
    if (this.step) options.set("step", this.step);
    history.replaceState(null, "", `#/play/${encodeURIComponent(this.run)}?${options}`);
    this.speedLabel.hidden = this.turns;
    this.stepsLabel.hidden = facts.checkpoints.length < 2;
    this.steps.replaceChildren(...facts.checkpoints.map((step) =>
      element("option", { value: step, selected: step === facts.step },
        `${step.toLocaleString("en")} steps`)));
    this.held = [];
    this.showKeys();
    this.thoughts.replaceChildren();
    this.bars = null;
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
    this.showThoughts(header.agent);
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
      case "loading": return "Loading …";
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
    const scores = `You scored ${score(mine)}, the agent ${score(its)}`;
    if (mine === its) return `${scores}: a draw.`;
    const better = mine > its ? "you did better" : "the agent did better";
    return `${scores}: ${better}, by ${score(Math.abs(mine - its))}.`;
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
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hangUp() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  leave() {
    this.listening.abort();
    this.hangUp();
    document.title = "Ludus studio";
  }

  // ---- what the person does

  onKey(event, down) {
    if (!this.facts || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("select, input, a, button")) return;
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

  // ---- what is shown

  showKeys() {
    const cross = element("div", { class: "arcade-cross" });
    const others = element("div", { class: "arcade-others" });
    for (const button of this.facts.buttons) {
      const { place } = button;
      const keys = element("span", { class: "a-keys", "aria-hidden": "true" },
        button.keys.slice(0, 2).map((code) => element("kbd", {}, keyName(code))));
      const made = element("button", {
        type: "button",
        class: place ? `a-pad a-${place}` : "a-pad",
        "data-button": button.name,
        "aria-label": `${button.label} (${button.keys.map(keyName).join(" or ")})`,
        oncontextmenu: (event) => event.preventDefault(),
      }, element("span", {}, place ? ARROWS[place] : button.label), keys);
      this.listen(made, button.name);
      (place ? cross : others).append(made);
    }
    const places = this.facts.buttons.map(({ place }) => place);
    cross.classList.toggle("a-flat", !places.includes("up") && !places.includes("down"));
    cross.classList.toggle("a-upright", !places.includes("left") && !places.includes("right"));
    this.keys.replaceChildren(...[cross, others].filter((group) => group.children.length));
  }

  listen(button, name) {
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.setPointerCapture(event.pointerId);
      this.hold(name);
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(kind, () => this.let(name));
    }
    button.addEventListener("keydown", (event) => {
      if ((event.key === "Enter" || event.key === " ") && (!event.repeat || this.turns)) {
        event.preventDefault();
        this.hold(name);
      }
    });
    for (const kind of ["keyup", "blur"]) button.addEventListener(kind, () => this.let(name));
  }

  showThoughts(agent) {
    const numbers = agent.policy ?? agent.values;
    if (!numbers || numbers.length !== this.facts.actions.length) return;
    if (!this.bars) {
      this.bars = this.facts.actions.map((name) => {
        const bar = element("span", { class: "a-fill" });
        const value = element("span", { class: "a-value numbers" });
        const row = element("li", {}, element("span", { class: "a-name" }, name.replaceAll("_", " ")),
          element("span", { class: "a-track", "aria-hidden": "true" }, bar), value);
        return { row, bar, value };
      });
      this.thoughts.replaceChildren(
        element("h2", {}, agent.policy ? "How likely it does what" : "What it expects of each action"),
        element("ul", { class: numbers.length > 9 ? "a-many" : "" }, this.bars.map(({ row }) => row)),
      );
    }
    const [low, high] = agent.policy ? [0, 1] : [Math.min(...numbers), Math.max(...numbers)];
    const best = Math.max(...numbers);
    this.bars.forEach(({ row, bar, value }, i) => {
      const share = high > low ? (numbers[i] - low) / (high - low) : 0;
      bar.style.width = `${100 * share}%`;
      row.classList.toggle("a-best", numbers[i] === best);
      value.replaceChildren(agent.policy ? `${Math.round(100 * numbers[i])}%` : numbers[i].toFixed(2));
    });
  }
}

// One side's screen with its score.
class Screen {
  constructor(name, label) {
    this.canvas = element("canvas", { role: "img", "aria-label": label, width: 4, height: 3 });
    this.score = element("span", { class: "a-score numbers" }, "0");
    this.about = element("span", { class: "muted a-about" });
    this.name = name;
    this.figure = element("section", { class: "panel arcade-side", "aria-label": name },
      element("div", { class: "arcade-title" }, element("h2", {}, name), this.about, this.score),
      element("div", { class: "arcade-frame" }, this.canvas));
  }

  async draw(bytes, facts, side) {
    if (bytes.length) {
      const picture = await createImageBitmap(new Blob([bytes], { type: facts.media_type }));
      const { canvas } = this;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        // Atari's pixels are wide: a television shows 160 x 210 of them as 4:3.
        const ratio = facts.kind === "atari" ? 4 / 3 : picture.width / picture.height;
        canvas.style.aspectRatio = ratio;
        canvas.style.setProperty("--ratio", ratio);
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
    }
    this.score.replaceChildren(score(side.score));
    const told = [
      side.over ? "over" : null,
      side.lives === null ? null : side.lives === 1 ? "1 life" : `${side.lives} lives`,
      side.steps === 1 ? "1 step" : `${side.steps.toLocaleString("en")} steps`,
    ];
    this.about.replaceChildren(told.filter((part) => part !== null).join(" · "));
    this.figure.classList.toggle("a-over", side.over);
    this.figure.dataset.action = side.action === null ? "" : facts.actions[side.action];
  }
}
