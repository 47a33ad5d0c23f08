// The replay of one game: from self-play, from a tournament, or just played.
import { address, keep, path, withQuery } from "../page/address.js";
import { Board, boardLayout, positionsOf } from "./board.js";
import { lineText, moveName, sidesOf } from "./games.js";
import { chancesBar, resultChances, sideDot, valueGraph } from "./values.js";
import { commandsPanel } from "../page/commands.js";
import { choice, element, failure, get, heading, isForPage, reveal } from "../page/dom.js";
import { iconButton, relabel } from "../page/icons.js";
import { gameOf } from "./replay_games.js";
import { gameName, runName, signed } from "../page/words.js";

const SIMULATIONS = 200; // of a thought about the position shown
const SLIP = 0.3; // a fall of the mover's value, of at most 2, that is marked
const BLUNDER = 0.7;
const SECONDS_PER_MOVE = 0.9;

export async function show(page, parts, query) {
  const replay = new Replay(page, address("game", ...parts));
  await replay.load(parts, query);
  replay.go(Number.parseInt(query.get("ply") ?? "0", 10) || 0);
  return () => replay.end();
}

class Replay {
  constructor(page, address) {
    this.page = page;
    this.address = address;
    this.ply = 0;
    this.thoughts = new Map(); // by ply
    this.asked = null;
    this.timer = null;
    this.keys = (event) => this.key(event);
  }

  async load(parts, query) {
    this.game = await gameOf(parts, query);
    const { game, max_plies: maxPlies, moves } = this.game;
    this.told = await get(positionsOf(game, maxPlies, moves));
    this.family = this.told.family;
    const sides = sidesOf(this.family);
    const { players } = this.game;
    this.players = players ?? sides;
    this.names = players ? players.map((name, i) => `${name} (${sides[i]})`) : sides;
    this.forget();
    this.truth = null;
    this.build();
    document.addEventListener("keydown", this.keys);
    this.learnTruth();
    if (this.game.reviewed) this.judgeAll();
  }

  end() {
    this.stop();
    this.asked?.abort();
    this.ended = true;
    document.removeEventListener("keydown", this.keys);
  }

  get plies() {
    return this.told.positions.length - 1;
  }

  // What was thought about the game; what was recorded stays.
  forget() {
    const { moves, values, result } = this.game;
    this.thoughts.clear();
    this.values = [...(values ?? moves.map(() => null)), result];
  }

  build() {
    const { game } = this;
    this.board = new Board({ label: `${gameName(game.game)} board` });
    this.playing = iconButton("play", "Play", () => (this.timer ? this.stop() : this.start()));
    this.steps = element(
      "div",
      { class: "steps", role: "group", "aria-label": "Moves" },
      iconButton("first", "First position", () => this.go(0)),
      iconButton("back", "Previous move", () => this.go(this.ply - 1)),
      this.playing,
      iconButton("forward", "Next move", () => this.go(this.ply + 1)),
      iconButton("last", "Last position", () => this.go(this.plies)),
    );
    this.heat = element("input", { type: "checkbox", checked: true, onchange: () => this.paint() });
    this.analysis = element("input", { type: "checkbox", onchange: () => this.go(this.ply) });
    this.all = element(
      "button",
      { type: "button", hidden: Boolean(game.values), onclick: () => this.judgeAll() },
      "Think about every move",
    );
    this.onwards = element("a", {}, "Play on from here");
    this.judge = choice(
      game.judges.map((id) => [id, runName(id)]),
      game.judges[0],
      () => {
        this.forget();
        this.listMoves();
        this.go(this.ply);
      },
    );
    this.where = element("p", { class: "status", role: "status" });
    this.chances = element("div");
    this.thought = element("div", { class: "muted" });
    this.list = element("ol", { class: "moves", "aria-label": "Moves of the game" });
    this.slider = element("input", {
      type: "range",
      min: 0,
      max: this.plies,
      "aria-label": "Move shown",
      oninput: () => this.go(Number(this.slider.value)),
    });
    this.graph = element("div", { class: "value-graph", "data-family": this.family });
    const [first, second] = sidesOf(this.family);
    this.listMoves();
    this.page.append(
      heading(game.heading, { back: game.back, about: game.note }),
      boardLayout(
        this.family,
        this.board,
        element(
          "div",
          { class: "panel board-side" },
          this.where,
          this.steps,
          this.chances,
          game.judges.length ? element("div", {}, this.onwards) : null,
        ),
        element(
          "div",
          { class: "panel board-side" },
          element("h2", {}, "Value"),
          element(
            "div",
            {},
            this.graph,
            this.slider,
            element(
              "p",
              { class: "graph-words muted line" },
              `up and + are good for ${first}, down and − for ${second}`,
            ),
          ),
          element(
            "div",
            { class: "row" },
            element("label", {}, this.heat, "heat map of visits"),
            game.judges.length ? element("label", {}, this.analysis, "think here") : null,
            game.judges.length > 1 ? element("label", {}, "with", this.judge) : null,
            game.judges.length ? this.all : null,
          ),
          this.thought,
        ),
        element(
          "div",
          { class: "panel board-side" },
          element("h2", {}, "Moves"),
          this.list,
          element("p", { class: "muted line graph-words" }, "keys: ← → one move, Home, End"),
        ),
        game.download,
        commandsPanel(game.commands),
      ),
    );
  }

  async learnTruth() {
    const { game, moves } = this.game;
    try {
      const asked = withQuery("boards/truth", { game, moves: moves.join(",") });
      this.truth = (await get(asked)).plies;
    } catch {
      return; // the game can be looked at without it
    }
    if (!this.truth || this.ended) return;
    this.listMoves();
    this.paint();
  }

  // How much the mover's own value fell with a move, as the search saw it.
  fall(ply) {
    const [before, after] = [this.values[ply], this.values[ply + 1]];
    if (before === null || after === null) return 0;
    return this.told.movers[ply] === 0 ? before - after : after - before;
  }

  mark(ply) {
    const fall = this.fall(ply);
    return fall >= BLUNDER ? "??" : fall >= SLIP ? "?" : "";
  }

  listMoves() {
    const height = this.told.positions[0].cells?.length ?? 0;
    this.list.replaceChildren(
      ...this.game.moves.map((action, ply) => {
        const move = { action, name: this.told.names[ply], squares: this.told.squares[ply] };
        const mistake = this.truth?.[ply]?.mistake;
        const value = this.values[ply + 1];
        const mark = this.mark(ply);
        return element(
          "li",
          {},
          element(
            "button",
            { type: "button", onclick: () => this.go(ply + 1) },
            element("span", { class: "number" }, `${ply + 1}`),
            sideDot(this.told.movers[ply]),
            element(
              "span",
              {},
              moveName(this.family, move, height),
              mark
                ? element("span", { class: "slip", title: "its value fell clearly" }, ` ${mark}`)
                : null,
            ),
            element("span", { class: "told" }, value === null ? "" : signed(value, 2)),
            mistake ? element("span", { class: "words" }, mistake) : null,
          ),
        );
      }),
    );
  }

  go(ply) {
    this.ply = Math.max(0, Math.min(this.plies, ply));
    keep(this.page, withQuery(this.address, { ...this.game.kept, ply: this.ply }));
    this.paint();
    this.think();
  }

  paint() {
    const { ply, family } = this;
    const position = this.told.positions[ply];
    const thought = this.analysis.checked ? this.thoughts.get(ply) : null;
    const visits = thought?.visits ?? this.game.visits?.[ply] ?? null;
    const heat = this.heat.checked ? visits : null;
    this.board.draw({ family, inARow: this.told.in_a_row, position, legal: [], heat });
    this.where.replaceChildren(this.situation(position));
    const side = position.to_play === this.told.first_to_move ? "first" : "second";
    const moves = this.game.moves.slice(0, ply).join(",");
    this.onwards.href = withQuery(address("play", this.judge.value), { side, moves });
    this.onwards.hidden = position.over;
    this.slider.value = ply;
    this.slider.setAttribute("aria-valuetext", `after ${ply} of ${this.plies} moves`);
    this.chances.replaceChildren();
    const value = this.values[ply];
    if (thought || value !== null) {
      const chances = thought ?? { win: (1 + value) / 2, draw: null, loss: (1 - value) / 2 };
      const shown = position.over ? resultChances(position.result) : chances;
      this.chances.append(chancesBar(family, shown, this.players));
    }
    this.graph.replaceChildren(
      valueGraph({
        values: this.values,
        slips: this.slips(),
        now: ply,
        go: (other) => this.go(other),
      }),
    );
    [...this.list.children].forEach((item, i) => {
      const button = item.firstChild;
      if (i === ply - 1) {
        button.setAttribute("aria-current", "step");
        reveal(this.list, item);
      } else {
        button.removeAttribute("aria-current");
      }
    });
  }

  situation(position) {
    const count = `Move ${this.ply} of ${this.plies}: `;
    if (this.ply === this.plies) {
      const { result } = this.game;
      const winner = this.names[result > 0 ? 0 : 1];
      return count + (result === 0 ? "draw" : `${winner} ${winner.startsWith("You ") ? "win" : "wins"}`);
    }
    return `${count}${this.names[position.to_play]} to move`;
  }

  async think() {
    this.asked?.abort();
    this.thought.replaceChildren();
    const { ply } = this;
    if (!this.analysis.checked || this.told.positions[ply].over) return;
    this.asked = new AbortController();
    this.thought.replaceChildren("thinking …");
    try {
      await this.thoughtOf(ply, this.asked.signal);
    } catch (error) {
      if (error.name !== "AbortError") this.thought.replaceChildren(failure(error));
      return;
    }
    if (ply !== this.ply || this.ended) return;
    const thought = this.thoughts.get(ply);
    const height = this.told.positions[ply].cells?.length ?? 0;
    const proven = thought.proven === null ? "" : ` (proven: ${this.resultWords(thought.proven)})`;
    this.thought.replaceChildren(
      element(
        "p",
        { class: "line" },
        `It expects${proven}: `,
        element("strong", {}, lineText(this.family, thought.line, height)),
      ),
    );
    this.paint();
  }

  // Asks for a thought unless it is known; where no value was recorded, its value counts.
  async thoughtOf(ply, signal) {
    if (this.thoughts.has(ply)) return;
    const judge = this.judge.value;
    const moves = this.game.moves.slice(0, ply).join(",");
    const asked = { moves, simulations: SIMULATIONS, step: this.game.step };
    const thought = await get(withQuery(path("boards", judge, "think"), asked), { signal });
    if (judge !== this.judge.value) return;
    this.thoughts.set(ply, thought);
    if (this.values[ply] !== null) return;
    this.values[ply] = thought.value;
    this.listMoves();
  }

  async judgeAll() {
    this.all.disabled = true;
    try {
      for (let ply = 0; ply < this.plies && !this.ended; ply++) {
        await this.thoughtOf(ply);
        this.all.replaceChildren(`Thinking: ${ply + 1} of ${this.plies}`);
        this.paint();
      }
      this.all.replaceChildren("Think about every move");
    } catch (error) {
      this.thought.replaceChildren(failure(error));
    } finally {
      this.all.disabled = false;
    }
  }

  resultWords(result) {
    return result === 0 ? "draw" : `${sidesOf(this.family)[result > 0 ? 0 : 1]} wins`;
  }

  // The moves to mark on the curve.
  slips() {
    return this.game.moves
      .map((_, ply) => ply)
      .filter((ply) => this.mark(ply) || this.truth?.[ply]?.mistake)
      .filter((ply) => this.values[ply + 1] !== null);
  }

  start() {
    if (this.ply === this.plies) this.go(0);
    relabel(this.playing, "pause", "Pause");
    this.timer = setInterval(() => {
      this.go(this.ply + 1);
      if (this.ply === this.plies) this.stop();
    }, SECONDS_PER_MOVE * 1000);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    relabel(this.playing, "play", "Play");
  }

  key(event) {
    if (!isForPage(event)) return;
    const steps = {
      ArrowLeft: this.ply - 1,
      ArrowRight: this.ply + 1,
      Home: 0,
      End: this.plies,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.go(steps[event.key]);
  }
}
