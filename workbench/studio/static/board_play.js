// A game against a trained agent. It is kept in the address, so that a reload loses nothing.
import {
  Board,
  chancesBar,
  lineText,
  moveName,
  positionsOf,
  sideDot,
  sidesOf,
} from "./board.js";
import { element, failure, get } from "./dom.js";
import { gameName } from "./gallery.js";

const VARIED_PLIES = 6; // in which the agent does not always make its best move
const JUDGE = 400; // simulations of a hint and of thoughts that are shown
const DEFAULT_LEVEL = 2;

export async function show(page, parts, query) {
  const [id] = parts;
  const run = await get(`runs/${encodeURIComponent(id)}`);
  if (!run.checkpoints.length) throw new Error("this run has no checkpoint to play against yet");
  const game = new Play(page, run, query);
  await game.begin();
  return () => game.end();
}

// From a beginner to the best there is: earlier checkpoints, and fewer positions looked at.
export function levels(checkpoints) {
  const last = checkpoints.at(-1);
  const count = (step) => `${step.toLocaleString("en")} moves of practice`;
  const looks = (simulations) => `looks at ${simulations} positions before each move`;
  const early = [
    ["Beginner", checkpoints[0], 10, "has only just begun to learn"],
    ["Casual", checkpoints[Math.floor(checkpoints.length / 4)], 10, "is a quarter through"],
  ];
  const late = [
    ["Skilled", last, 10, "is fully trained"],
    ["Strong", last, 100, "is fully trained"],
    ["Strongest", last, 400, "is fully trained"],
  ];
  const shown = checkpoints.length > 1 ? early : [["Casual", last, 1, "plays by instinct"]];
  return [...shown, ...late].map(([name, step, simulations, what]) => ({
    name,
    step,
    simulations,
    words: `${what} (${count(step)}), and ${looks(simulations)}.`,
  }));
}

// Numbers from 0 to 1 that a seed decides (mulberry32).
function draw(seed) {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const newSeed = () => Math.floor(Math.random() * 1e6);

class Play {
  constructor(page, run, query) {
    this.page = page;
    this.run = run;
    this.levels = levels(run.checkpoints);
    this.turn = 0; // what was asked before it changed is out of date
    const number = (name, otherwise) => {
      const text = query.get(name) ?? "";
      return /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
    };
    this.side = ["first", "second", "random"].includes(query.get("side"))
      ? query.get("side")
      : "first";
    const level = Math.min(DEFAULT_LEVEL, this.levels.length - 1);
    this.level = Math.min(number("level", level), this.levels.length - 1);
    this.seed = number("seed", newSeed());
    this.showing = query.get("thoughts") === "1";
    const moves = query.get("moves") ?? "";
    this.moves = /^\d+(,\d+)*$/.test(moves) ? moves.split(",").map(Number) : [];
    this.maxPlies = run.config?.env?.max_plies ?? null;
  }

  async begin() {
    document.title = `Play ${gameName(this.run.game)} – Ludus studio`;
    this.told = await get(this.positions([]));
    this.family = this.told.family;
    this.start = this.told.first_to_move;
    get(this.thinking(this.run.checkpoints.at(-1), 1, [])).catch(() => {}); // loads it meanwhile
    this.seat();
    this.build();
    await this.look();
  }

  end() {
    this.turn++;
    document.title = "Ludus studio";
  }

  // The address of what is told of the last position.
  positions(moves) {
    return positionsOf(this.run.game, this.maxPlies, moves, moves.length);
  }

  // Which player the person is: known from the address alone.
  seat() {
    const first = this.side === "random" ? draw(this.seed + 77) < 0.5 : this.side === "first";
    this.me = first ? this.start : 1 - this.start;
  }

  get names() {
    return [0, 1].map((player) => (player === this.me ? "You" : "Agent"));
  }

  get position() {
    return this.told.positions.at(-1);
  }

  get height() {
    return this.position.cells?.length ?? 0;
  }

  build() {
    const button = (words, onclick, kind = "") =>
      element("button", { type: "button", class: kind, onclick }, words);
    this.board = new Board({
      label: `${gameName(this.run.game)} board`,
      onMove: (action) => this.play(action),
    });
    this.status = element("p", { class: "status", role: "status", "aria-live": "polite" });
    this.problem = element("div");
    this.chances = element("div", { class: "board-side" });
    this.back = button("Take back", () => this.takeBack());
    this.hinting = button("Hint", () => this.hint());
    this.again = button("New game", () => this.restart(), "primary");
    const choice = (value, options, onchange) => {
      const select = element(
        "select",
        { onchange: () => onchange(select.value) },
        options.map(([key, words]) => element("option", { value: key }, words)),
      );
      select.value = value;
      return select;
    };
    const sides = [
      ["first", "I move first"],
      ["second", "the agent moves first"],
      ["random", "at random"],
    ];
    this.sideChoice = choice(this.side, sides, (value) => {
      this.side = value;
      this.restart();
    });
    const names = this.levels.map(({ name }, i) => [`${i}`, name]);
    this.levelChoice = choice(`${this.level}`, names, (value) => {
      this.level = Number(value);
      this.keep();
      this.explain();
    });
    this.explained = element("p", { class: "muted explained" });
    this.thoughts = element("input", {
      type: "checkbox",
      checked: this.showing,
      onchange: () => {
        this.showing = this.thoughts.checked;
        this.keep();
        this.paint();
        this.showThoughts();
      },
    });
    this.history = element("ol", { class: "made" });
    this.explain();
    this.page.append(
      element(
        "div",
        {},
        element("h1", {}, `${gameName(this.run.game)} against ${this.run.name}`),
      ),
      element(
        "div",
        { class: "board-layout", "data-family": this.family },
        element("div", { class: "board-side" }, this.board.element),
        element(
          "div",
          { class: "board-side" },
          element(
            "div",
            { class: "panel board-side" },
            this.status,
            element("div", { class: "row" }, this.hinting, this.back, this.again),
            this.problem,
            this.board.list,
          ),
          element(
            "div",
            { class: "panel fields" },
            element("label", {}, "Strength of the agent", this.levelChoice),
            this.explained,
            element("label", {}, "Who moves first (begins a new game)", this.sideChoice),
            element("label", { class: "tick" }, this.thoughts, "Show what it thinks"),
            this.chances,
          ),
          element("div", { class: "panel" }, element("h2", {}, "Moves"), this.history),
        ),
      ),
    );
  }

  explain() {
    const { words } = this.levels[this.level];
    this.explained.replaceChildren(`The agent ${words}`);
  }

  keep() {
    const query = new URLSearchParams({ side: this.side, level: this.level, seed: this.seed });
    if (this.showing) query.set("thoughts", "1");
    query.set("moves", this.moves.join(","));
    const id = encodeURIComponent(this.run.id);
    history.replaceState(null, "", `#/play/${id}?${query.toString().replaceAll("%2C", ",")}`);
  }

  // Asks what stands on the board after the moves, shows it, and lets the agent move if it must.
  async look() {
    const mine = ++this.turn;
    this.suggested = null;
    this.thought = null;
    this.keep();
    try {
      const told = await get(this.positions(this.moves));
      if (mine !== this.turn) return;
      this.told = told;
      this.problem.replaceChildren();
      this.paint();
      if (this.position.over) return;
      if (this.position.to_play === this.me) await this.showThoughts();
      else await this.answer(mine);
    } catch (error) {
      if (mine !== this.turn) return;
      this.moves = this.moves.slice(0, this.told.movers.length); // what is on the board stays
      this.keep();
      this.paint();
      this.problem.replaceChildren(failure(error));
    }
  }

  async answer(mine) {
    const { step, simulations } = this.levels[this.level];
    const thought = await this.think(step, simulations);
    if (mine !== this.turn) return;
    this.moves = [...this.moves, this.chosen(thought)];
    await this.look();
  }

  // The best move; early on, one drawn in proportion to its visits, so that games differ.
  chosen(thought) {
    const ply = this.moves.length;
    if (ply >= VARIED_PLIES || thought.proven !== null) return thought.best;
    let left = draw(this.seed + 1000 * ply) * thought.visits.reduce((sum, m) => sum + m.policy, 0);
    for (const { action, policy } of thought.visits) {
      left -= policy;
      if (left < 0) return action;
    }
    return thought.best;
  }

  think(step, simulations) {
    return get(this.thinking(step, simulations, this.moves));
  }

  thinking(step, simulations, moves) {
    const query = new URLSearchParams({ step, simulations, moves: moves.join(",") });
    return `boards/${encodeURIComponent(this.run.id)}/think?${query}`;
  }

  async play(action) {
    if (this.moves.length !== this.told.movers.length) return; // the last move is on its way
    this.moves = [...this.moves, action];
    await this.look();
  }

  async takeBack() {
    const last = this.told.movers.lastIndexOf(this.me);
    if (last < 0) return;
    this.moves = this.moves.slice(0, last);
    await this.look();
    this.board.focus();
  }

  async restart() {
    this.seed = newSeed();
    this.moves = [];
    this.seat();
    await this.look();
  }

  async hint() {
    const mine = this.turn;
    this.hinting.disabled = true;
    try {
      const thought = await this.think(this.run.checkpoints.at(-1), JUDGE);
      if (mine !== this.turn) return;
      this.suggested = thought.line[0];
      this.paint();
    } catch (error) {
      this.problem.replaceChildren(failure(error));
    } finally {
      this.paintButtons();
    }
  }

  async showThoughts() {
    const mine = this.turn;
    const free = !this.position.over && this.position.to_play === this.me;
    if (!this.showing || !free || this.thought) return;
    try {
      const thought = await this.think(this.run.checkpoints.at(-1), JUDGE);
      if (mine !== this.turn) return;
      this.thought = thought;
      this.paint();
    } catch (error) {
      this.problem.replaceChildren(failure(error));
    }
  }

  paint() {
    const { position, family, me } = this;
    this.board.draw({
      family,
      position,
      legal: this.told.legal,
      playable: !position.over && position.to_play === me,
      heat: this.showing && this.thought ? this.thought.visits : null,
      hint: this.suggested,
      flip: me === (family === "shogi" ? 1 : 0), // who begins below
    });
    this.paintStatus();
    this.paintButtons();
    this.paintThought();
    const name = (ply) => {
      const { names, squares } = this.told;
      const move = { action: this.moves[ply], name: names[ply], squares: squares[ply] };
      return moveName(family, move, this.height);
    };
    this.history.replaceChildren(
      ...(this.moves.length
        ? this.moves.map((_, ply) =>
            element("li", {}, sideDot(this.told.movers[ply]), `${ply + 1}. ${name(ply)}`),
          )
        : [element("li", { class: "muted" }, "none yet")]),
    );
  }

  paintButtons() {
    const { position, me } = this;
    const free = !position.over && position.to_play === me;
    this.hinting.disabled = !free;
    this.back.disabled = !this.told.movers.includes(me);
    this.again.replaceChildren(position.over ? "Rematch" : "New game");
  }

  paintStatus() {
    const { position, me } = this;
    const side = sidesOf(this.family)[me];
    this.status.className = "status";
    let words;
    if (position.over) {
      const score = me === 0 ? position.result : -position.result;
      words = score > 0 ? "You win!" : score < 0 ? "The agent wins." : "Draw.";
      this.status.classList.add(score > 0 ? "win" : score < 0 ? "loss" : "draw");
    } else if (position.to_play !== me) {
      words = "The agent is thinking …";
    } else if (this.suggested) {
      words = `Hint: ${moveName(this.family, this.suggested, this.height)}`;
    } else {
      const last = this.told.movers.length - 1;
      const { names, squares, movers } = this.told;
      const move = { action: this.moves[last], name: names[last], squares: squares[last] };
      const made = last >= 0 && movers[last] !== me;
      const before = made ? `The agent plays ${moveName(this.family, move, this.height)}. ` : "";
      words = `${before}Your turn: you are ${side}.`;
    }
    this.status.replaceChildren(sideDot(position.over ? me : position.to_play), words);
  }

  paintThought() {
    const { thought, family } = this;
    if (!this.showing) {
      this.chances.replaceChildren();
      return;
    }
    if (!thought) {
      const { over, to_play: player } = this.position;
      const words = over ? "" : player === this.me ? "thinking …" : "it thinks about its move …";
      this.chances.replaceChildren(element("p", { class: "muted explained" }, words));
      return;
    }
    const expected = lineText(family, thought.line, this.height);
    this.chances.replaceChildren(
      chancesBar(family, thought, this.names),
      element("p", { class: "explained line" }, "It expects ", element("strong", {}, expected)),
      element(
        "p",
        { class: "muted explained" },
        `On the board: the share of its ${thought.simulations} looks ahead that each move got.`,
      ),
    );
  }
}
