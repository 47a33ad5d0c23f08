// The crosstable: who beat whom, each number linked to its games.
import { element, isForPage, scrolled, th } from "../page/dom.js";
import { playerName, searchWords } from "./names.js";
import { short } from "../page/words.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Its numbers are a single stop of the tab key, and arrows lead from one to the next. It is filled
// again while games are played: the keyboard stays at the pair of players where it was.
export class Crosstable {
  // `list`: the games, of which `choose(row, column)` lists those of two players.
  constructor(list) {
    this.list = list;
    this.grid = []; // buttons by row and column, null where there is no number
    this.stop = null; // the button that the tab key leads to
    this.table = element("table", {
      class: "numbers t-crosstable",
      role: "grid",
      "aria-label": "Who beat whom",
      onkeydown: (event) => this.key(event),
      onfocusin: ({ target }) => {
        this.stopAt(target);
        requestAnimationFrame(() => this.uncover(target)); // when the browser has scrolled there
      },
    });
    this.node = scrolled("Who beat whom", this.table);
  }

  fill({ players, points, pair_games: games }) {
    const focused = this.table.contains(document.activeElement);
    this.grid = players.map((player, i) => players.map((other, j) =>
      games[i][j] ? this.button([player, other], points[i][j], games[i][j]) : null));
    this.table.replaceChildren(
      element("thead", {}, element("tr", {}, th("Points of", { class: "t-sticky" }),
        players.map((player, j) => th(String(j + 1), { title: player.name })))),
      element("tbody", {}, players.map((player, i) => element("tr", {},
        element("th", { scope: "row", class: "t-sticky" },
          element("span", { class: "t-place" }, String(i + 1)), playerName(player)),
        players.map((_, j) => this.cell(i, j))))));
    const buttons = this.grid.flat().filter(Boolean);
    const again = buttons.find(({ dataset }) => dataset.pair === this.stop?.dataset.pair);
    this.stopAt(again ?? buttons[0] ?? null);
    if (focused) this.stop?.focus({ preventScroll: true });
  }

  button([player, other], points, games) {
    const told = String(Math.round((100 * points) / games));
    const [one, two] = [player, other].map(({ short: name }) => searchWords(name));
    const label = `Games of ${one} against ${two}: ${short(points)}–${short(games - points)}, ${told}%`;
    const pair = JSON.stringify([player.name, other.name]);
    return element("button", { type: "button", tabindex: -1, "aria-label": label, title: label,
      "data-pair": pair, "data-share": points / games }, told);
  }

  cell(row, column) {
    if (row === column) return element("td", { class: "t-self" });
    const button = this.grid[row][column];
    if (!button) return element("td", { class: "t-unmet", title: "never met" }, "·");
    const share = Number(button.dataset.share);
    const colour = share >= 0.5 ? "--accent" : "--warn";
    const strength = Math.round(80 * Math.abs(share - 0.5));
    return element("td", {
      class: "t-met",
      style: `background: color-mix(in srgb, var(${colour}) ${strength}%, var(--surface))`,
      onclick: () => this.list.choose(row, column),
    }, button);
  }

  stopAt(button) {
    this.stop?.setAttribute("tabindex", -1);
    button?.setAttribute("tabindex", 0);
    this.stop = button;
  }

  // The names at the left stay where they are while the numbers move below them.
  uncover(button) {
    if (button !== document.activeElement) return; // the keyboard has gone on before the next frame
    const names = this.table.querySelector(".t-sticky").getBoundingClientRect();
    const covered = names.right - button.getBoundingClientRect().left;
    if (covered > 0) this.node.scrollLeft -= covered;
  }

  key(event) {
    if (!isForPage(event)) return;
    let row = this.grid.findIndex((buttons) => buttons.includes(event.target));
    let column = this.grid[row].indexOf(event.target);
    const numbers = this.grid[row].filter(Boolean);
    let to = { Home: numbers[0], End: numbers.at(-1) }[event.key];
    if (event.key in STEPS) {
      const [down, right] = STEPS[event.key];
      do {
        row += down;
        column += right;
        to = this.grid[row]?.[column];
      } while (to === null); // past pairs that never met
    } else if (!to) return;
    event.preventDefault();
    to?.focus();
  }
}

export function crosstableNote() {
  return element("p", { class: "muted t-small" },
    "Percent of the points that the row took from the column. A click on a number lists those games; "
    + "so does Enter, and arrow keys lead from number to number.");
}
