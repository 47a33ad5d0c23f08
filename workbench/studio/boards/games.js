// The table of board games from envs/board/games.py: the words and colours of sides and pieces.
// Python draws the videos by the same one.
import { get } from "../page/dom.js";

const { games, other, palette, stars } = await get("boards/games");
const CHESSMEN = { k: "king", q: "queen", r: "rook", b: "bishop", n: "knight", p: "pawn" };
const PIECES = {
  chessmen: CHESSMEN,
  shogi: {
    k: "king",
    r: "rook",
    b: "bishop",
    g: "gold",
    s: "silver",
    n: "knight",
    l: "lance",
    p: "pawn",
  },
};

// A game's row of the table; `family` is its name without parameters.
export const factsOf = (family) => (Object.hasOwn(games, family) ? games[family] : other);

// Which rows and columns of a board of this size have stars.
export const starsOf = (family, size) => (factsOf(family).stars ? (stars[size] ?? []) : []);

// How player 0 and player 1 are called.
export const sidesOf = (family) => factsOf(family).sides;

// Styles find the colours as --board-NAME, those of player 0 and player 1 as --p0 and --p1 below
// any element with `data-family`, and as --on-p0 and --on-p1 what is seen on them.
function colours() {
  const named = Object.entries(palette).map(([name, value]) => `--board-${name}: ${value};`);
  const sides = ({ colours: [first, second], on }) =>
    `--p0: ${palette[first]}; --p1: ${palette[second]};` +
    `--on-p0: ${palette[on[0]]}; --on-p1: ${palette[on[1]]};`;
  const rules = Object.entries(games).map(
    ([family, facts]) => `[data-family="${family}"] { ${sides(facts)} }`,
  );
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(
    [`:root { ${named.join(" ")} }`, `[data-family] { ${sides(other)} }`, ...rules].join("\n"),
  );
  document.adoptedStyleSheets.push(sheet);
}
colours();

// A move as the board's own coordinates say it; OpenSpiel counts columns from 0.
export function moveName(family, move, height = 0) {
  const { moves } = factsOf(family);
  if (moves === "last word") return move.name.split(" ").pop().toLowerCase();
  if (moves === "own" || !move.squares.length) return move.name;
  const [row, column] = move.squares[0];
  const { columns, rows } = coordinates(family, height, column + 1);
  if (column >= columns.length) return move.name; // beyond the alphabet
  return moves === "column" ? `column ${columns[column]}` : `${columns[column]}${rows[row]}`;
}

export function squareName(family, height, width, [row, column]) {
  const { columns, rows } = coordinates(family, height, Math.max(width, column + 1));
  return `${columns[column]}${rows[row]}`;
}

// What the columns are called from the left, and the rows from the top.
export function coordinates(family, height, width) {
  const told = factsOf(family);
  const alphabet = "abcdefghijklmnopqrstuvwxyz";
  const letters = (told.columns === "letters without i" ? alphabet.replace("i", "") : alphabet);
  const numbers = (count) => Array.from({ length: count }, (_, i) => `${i + 1}`);
  const columns = told.columns.startsWith("numbers") ? numbers(width) : [...letters].slice(0, width);
  if (told.columns === "numbers from the right") columns.reverse();
  const rows = { letters: [...alphabet], none: [], down: numbers(height) };
  return { columns, rows: rows[told.rows] ?? numbers(height).reverse() };
}

export function pieceName(family, content) {
  const sides = sidesOf(family);
  if (content === "") return "empty";
  if (content === "x" || content === "o") return sides[content === "x" ? 0 : 1].toLowerCase();
  const letter = content.replace("+", "").toLowerCase();
  const upper = content.replace("+", "") !== letter;
  const { pieces } = factsOf(family);
  const player = (pieces === "chessmen") === upper ? 1 : 0; // upper case: White, in shogi Black
  const side = sides[player].toLowerCase();
  const promoted = content.startsWith("+") ? "promoted " : "";
  return `${side} ${promoted}${PIECES[pieces]?.[letter] ?? letter}`;
}

// The moves of a principal variation as text.
export function lineText(family, line, height) {
  const names = line.map((move) => moveName(family, move, height).replace(/^column /, ""));
  const columns = names.length > 1 ? "columns " : "column ";
  return (factsOf(family).moves === "column" ? columns : "") + names.join(" › ");
}
