// The replay of one game: of a run against itself, or of a tournament.
import {
  Board,
  chancesBar,
  lineText,
  moveName,
  positionsOf,
  sideDot,
  sidesOf,
} from "./board.js";
import { element, failure, get, svg } from "./dom.js";
import { gameName } from "./gallery.js";

const SIMULATIONS = 200; // of a thought about the position shown
const SLIP = 0.3; // a fall of the mover's value, of at most 2, that is marked
const BLUNDER = 0.7;
const SECONDS_PER_MOVE = 0.9;
const WIDTH = 600; // of the graph, in units of the drawing
const ICONS = {
  first: "M3 3h2.5v12H3zM15 3v12L6.5 9z",
  previous: "M13 3v12L4.5 9z",
  play: "M5 2.5v13L15.5 9z",
  pause: "M4 3h3.5v12H4zM10.5 3H14v12h-3.5z",
  next: "M5 3v12l8.5-6z",
  last: "M12.5 3H15v12h-2.5zM3 3v12l8.5-6z",
};

export async function show(page, parts, query) {
  const replay = new Replay(page, `#/game/${parts.map(encodeURIComponent).join("/")}`);
  await replay.load(parts);
  replay.go(Number.parseInt(query.get("ply") ?? "0", 10) || 0);
  return () => replay.end();
}

async function recordedGame([run, video]) {
  const id = encodeURIComponent(run);
  const recorded = await get(`boards/recorded/${id}/${encodeURIComponent(video)}`);
  const [step] = video.split("_");
  return {
    ...recorded,
    heading: `${gameName(recorded.game)}: ${run} against itself`,
    back: { href: `#/run/${id}`, words: run },
    players: null,
    judges: [run],
    step,
    note: `${Number(step).toLocaleString("en")} moves of training; its own search's values`,
  };
}

async function tournamentGame([tournament, number]) {
  const id = encodeURIComponent(tournament);
  const [played, { runs }] = await Promise.all([
    get(`tournaments/${id}/games/${encodeURIComponent(number)}`),
    get("runs/"),
  ]);
  const players = played.short ?? played.players;
  const opening = played.opening_plies ? `${played.opening_plies} opening moves were given` : "";
  return {
    ...played,
    players,
    heading: `${gameName(played.game)}: ${players.join(" – ")}`,
    back: { href: `#/tournaments/${id}`, words: "the tournament" },
    result: 2 * played.score - 1,
    values: null,
    visits: null,
    judges: runs.filter((run) => run.game === played.game).map((run) => run.id),
    step: "",
    note: [opening, played.forfeit && `forfeited: ${played.forfeit}`].filter(Boolean).join("; "),
  };
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

  async load([kind, ...parts]) {
    const loaders = { runs: recordedGame, tournaments: tournamentGame };
    if (!(kind in loaders) || parts.length !== 2) throw new Error("there is no such game");
    this.game = await loaders[kind](parts);
    const { game, max_plies: maxPlies, moves } = this.game;
    this.told = await get(positionsOf(game, maxPlies, moves));
    this.family = this.told.family;
    const sides = sidesOf(this.family);
    const { players } = this.game;
    this.players = players ?? sides;
    this.names = players ? players.map((name, i) => `${name} (${sides[i]})`) : sides;
    this.forget();
    this.truth = null;
    document.title = `${this.game.heading} – Ludus studio`;
    this.build();
    document.addEventListener("keydown", this.keys);
    this.learnTruth();
  }

  end() {
    document.title = "Ludus studio";
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
    const button = (name, label, onclick) =>
      element("button", { type: "button", "aria-label": label, title: label, onclick }, icon(name));
    this.playing = button("play", "Play", () => (this.timer ? this.stop() : this.start()));
    this.steps = element(
      "div",
      { class: "steps", role: "group", "aria-label": "Moves" },
      button("first", "First position", () => this.go(0)),
      button("previous", "Previous move", () => this.go(this.ply - 1)),
      this.playing,
      button("next", "Next move", () => this.go(this.ply + 1)),
      button("last", "Last position", () => this.go(this.plies)),
    );
    this.heat = element("input", { type: "checkbox", checked: true, onchange: () => this.paint() });
    this.analysis = element("input", { type: "checkbox", onchange: () => this.go(this.ply) });
    this.all = element(
      "button",
      { type: "button", hidden: Boolean(game.values), onclick: () => this.judgeAll() },
      "Think about every move",
    );
    this.onwards = element("a", {}, "Play on from here");
    this.judge = element(
      "select",
      {
        onchange: () => {
          this.forget();
          this.listMoves();
          this.go(this.ply);
        },
      },
      game.judges.map((id) => element("option", { value: id }, id)),
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
      element(
        "div",
        {},
        element("h1", {}, game.heading),
        element(
          "p",
          { class: "muted line" },
          element("a", { href: game.back.href }, game.back.words),
          game.note ? ` · ${game.note}` : "",
        ),
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
        ),
      ),
    );
  }

  async learnTruth() {
    const { game, moves } = this.game;
    const query = new URLSearchParams({ game, moves: moves.join(",") });
    try {
      this.truth = (await get(`boards/truth?${query}`)).plies;
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
            element("span", { class: "told" }, value === null ? "" : signed(value)),
            mistake ? element("span", { class: "words" }, mistake) : null,
          ),
        );
      }),
    );
  }

  go(ply) {
    this.ply = Math.max(0, Math.min(this.plies, ply));
    history.replaceState(null, "", `${this.address}?ply=${this.ply}`);
    this.paint();
    this.think();
  }

  paint() {
    const { ply, family } = this;
    const position = this.told.positions[ply];
    const thought = this.analysis.checked ? this.thoughts.get(ply) : null;
    const visits = thought?.visits ?? this.game.visits?.[ply] ?? null;
    this.board.draw({ family, position, legal: [], heat: this.heat.checked ? visits : null });
    this.where.replaceChildren(this.situation(position));
    const side = position.to_play === this.told.first_to_move ? "first" : "second";
    const moves = this.game.moves.slice(0, ply).join(",");
    const judge = encodeURIComponent(this.judge.value);
    this.onwards.setAttribute("href", `#/play/${judge}?side=${side}&moves=${moves}`);
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
    this.drawGraph();
    [...this.list.children].forEach((item, i) => {
      const button = item.firstChild;
      if (i === ply - 1) {
        button.setAttribute("aria-current", "step");
        const { list } = this;
        const top = item.offsetTop - list.offsetTop;
        if (top < list.scrollTop || top + item.offsetHeight > list.scrollTop + list.clientHeight) {
          list.scrollTop = top - list.clientHeight / 2;
        }
      } else {
        button.removeAttribute("aria-current");
      }
    });
  }

  situation(position) {
    const count = `Move ${this.ply} of ${this.plies}: `;
    if (this.ply === this.plies) {
      const { result } = this.game;
      return count + (result === 0 ? "draw" : `${this.names[result > 0 ? 0 : 1]} wins`);
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
    const query = new URLSearchParams({ moves, simulations: SIMULATIONS, step: this.game.step });
    const thought = await get(`boards/${encodeURIComponent(judge)}/think?${query}`, { signal });
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

  drawGraph() {
    const x = (ply) => (WIDTH * ply) / Math.max(1, this.plies);
    const y = (value) => 50 - 46 * value;
    const known = this.values.map((value, ply) => ({ value, ply })).filter((p) => p.value !== null);
    const shape = (cut) => {
      if (known.length < 2) return "";
      const edge = withCrossings(known).map(({ value, ply }) => `${x(ply)},${y(cut(value, 0))}`);
      return [`${x(known[0].ply)},50`, ...edge, `${x(known.at(-1).ply)},50`].join(" ");
    };
    const line = (kind, x1, y1, x2, y2) => svg("line", { class: kind, x1, y1, x2, y2 });
    const slips = this.game.moves
      .map((_, ply) => ply)
      .filter((ply) => this.mark(ply) || this.truth?.[ply]?.mistake)
      .filter((ply) => this.values[ply + 1] !== null);
    this.graph.replaceChildren(
      svg(
        "svg",
        {
          viewBox: `0 0 ${WIDTH} 100`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `Value after every move; now ${signed(this.values[this.ply] ?? 0)}`,
          onclick: (event) => {
            const box = this.graph.getBoundingClientRect();
            this.go(Math.round((this.plies * (event.clientX - box.left)) / box.width));
          },
        },
        svg("rect", { class: "frame", width: WIDTH, height: 100 }),
        svg("polygon", { class: "area-0", points: shape(Math.max) }),
        svg("polygon", { class: "area-1", points: shape(Math.min) }),
        line("zero", 0, 50, WIDTH, 50),
        svg("polyline", {
          class: "curve",
          points: known.map(({ value, ply }) => `${x(ply)},${y(value)}`).join(" "),
        }),
        slips.map((ply) => {
          const at = [x(ply + 1), y(this.values[ply + 1])];
          return line("slip", ...at, ...at);
        }),
        line("now", x(this.ply), 0, x(this.ply), 100),
      ),
    );
  }

  start() {
    if (this.ply === this.plies) this.go(0);
    this.showPlaying("pause", "Pause");
    this.timer = setInterval(() => {
      this.go(this.ply + 1);
      if (this.ply === this.plies) this.stop();
    }, SECONDS_PER_MOVE * 1000);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    if (this.playing) this.showPlaying("play", "Play");
  }

  showPlaying(name, label) {
    this.playing.replaceChildren(icon(name));
    this.playing.setAttribute("aria-label", label);
    this.playing.title = label;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.matches("input[type='range'], select")) return;
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

// The points of a curve, and where it crosses zero between them.
function withCrossings(known) {
  return known.flatMap((point, i) => {
    const next = known[i + 1];
    if (!next || point.value * next.value >= 0) return [point];
    const share = point.value / (point.value - next.value);
    return [point, { value: 0, ply: point.ply + share * (next.ply - point.ply) }];
  });
}

function icon(name) {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 18 18", "aria-hidden": "true" }, path);
}

function resultChances(result) {
  return { win: Number(result > 0), draw: Number(result === 0), loss: Number(result < 0) };
}

function signed(value) {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)}`;
}
