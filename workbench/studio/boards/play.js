// A game against a trained agent. The address holds the game, so that a reload loses nothing.
import { address, keep, newSeed, numberIn, path, withQuery } from "../page/address.js";
import { Board, boardLayout, positionsOf } from "./board.js";
import { factsOf, lineText, moveName, sidesOf } from "./games.js";
import { chancesBar, sideDot } from "./values.js";
import { commandsPanel } from "../page/commands.js";
import { choice, element, failure, get, heading } from "../page/dom.js";
import { chosen, draw, levels } from "./opponent.js";
import { gameName } from "../page/words.js";

const JUDGE = 400; // simulations of a hint and of thoughts that are shown
const DEFAULT_LEVEL = 2;
const SIDES = [
  ["first", "I move first"],
  ["second", "the agent moves first"],
  ["random", "at random"],
];

// `run`: what the studio tells of it.
export async function show(page, run, query) {
  const game = new Play(page, run, query);
  await game.begin();
  return () => game.end();
}

class Play {
  constructor(page, run, query) {
    this.page = page;
    this.run = run;
    this.levels = levels(run.checkpoints);
    this.turn = 0; // what was asked before it changed is out of date
    this.side = SIDES.some(([side]) => side === query.get("side")) ? query.get("side") : "first";
    const level = Math.min(DEFAULT_LEVEL, this.levels.length - 1);
    this.level = Math.min(numberIn(query, "level", level), this.levels.length - 1);
    this.seed = numberIn(query, "seed", newSeed());
    this.showing = query.get("thoughts") === "1";
    const moves = query.get("moves") ?? "";
    this.moves = /^\d+(,\d+)*$/.test(moves) ? moves.split(",").map(Number) : [];
  }

  async begin() {
    this.told = await get(this.positions([]));
    this.family = this.told.family;
    this.start = this.told.first_to_move;
    get(this.thinking(this.run.checkpoints.at(-1), 1, [])).catch(() => {}); // loads it meanwhile
    this.seat();
    this.build();
    this.look(); // its answer may take a while
  }

  end() {
    this.turn++;
  }

  // The address of what is told of the last position.
  positions(moves) {
    // Training may cut its games short; a person's goes on to its end.
    return positionsOf(this.run.game, null, moves, moves.length);
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
    const button = (words, onclick) => element("button", { type: "button", onclick }, words);
    this.board = new Board({
      label: `${gameName(this.run.game)} board`,
      onMove: (action) => this.play(action),
    });
    this.status = element("p", { class: "status", role: "status", "aria-live": "polite" });
    this.problem = element("div");
    this.chances = element("div", { class: "board-side" });
    this.back = button("Take back", () => this.takeBack());
    this.hinting = button("Hint", () => this.hint());
    this.again = button("New game", () => this.restart());
    this.review = element("a", { class: "button", hidden: true }, "Review this game");
    this.sideChoice = choice(SIDES, this.side, (value) => {
      this.side = value;
      this.restart();
    });
    const names = this.levels.map(({ name }, i) => [`${i}`, name]);
    this.levelChoice = choice(names, `${this.level}`, (value) => {
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
      heading(`${gameName(this.run.game)} against ${this.run.name}`, {
        back: { href: address("run", this.run.id), words: this.run.name },
      }),
      boardLayout(
        this.family,
        this.board,
        element(
          "div",
          { class: "panel board-side" },
          this.status,
          element("div", { class: "row" }, this.hinting, this.back, this.again, this.review),
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
        commandsPanel(this.run.commands.filter(({ what }) => what === "Play")),
      ),
    );
  }

  explain() {
    const { words } = this.levels[this.level];
    this.explained.replaceChildren(`The agent ${words}`);
  }

  keep() {
    const { side, level, seed, showing } = this;
    const told = { side, level, seed, thoughts: showing ? 1 : "", moves: this.moves.join(",") };
    keep(this.page, withQuery(address("play", this.run.id), told));
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
    this.moves = [...this.moves, chosen(thought, this.seed, this.moves.length)];
    await this.look();
  }

  think(step, simulations) {
    return get(this.thinking(step, simulations, this.moves));
  }

  thinking(step, simulations, moves) {
    const asked = { step, simulations, moves: moves.join(",") };
    return withQuery(path("boards", this.run.id, "think"), asked);
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
      if (mine === this.turn) this.problem.replaceChildren(failure(error));
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
      if (mine === this.turn) this.problem.replaceChildren(failure(error));
    }
  }

  paint() {
    const { position, family, me } = this;
    this.board.draw({
      family,
      inARow: this.told.in_a_row,
      position,
      legal: this.told.legal,
      playable: !position.over && position.to_play === me,
      heat: this.showing && this.thought ? this.thought.visits : null,
      hint: this.suggested,
      flip: me !== factsOf(family).below, // whoever plays sits below
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
    this.again.classList.toggle("primary", position.over);
    this.review.hidden = !position.over;
    const played = { moves: this.moves.join(","), me };
    this.review.href = withQuery(address("game", "played", this.run.id), played);
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
    // The winner's; a draw is nobody's.
    const shown = !position.over ? position.to_play : { 1: 0, "-1": 1 }[position.result];
    this.status.replaceChildren(...(shown === undefined ? [] : [sideDot(shown)]), words);
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
