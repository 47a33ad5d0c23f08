// Display names of the players of a tournament.
import { element } from "../page/dom.js";

// "connect-four?simulations=64" -> "connect-four · 64 sims".
export const searchWords = (name) => name.replace(/\?simulations=(\d+)$/, " · $1 sims");

// The step and the search tell checkpoints apart, so that where space is short the rest is cut.
export function playerName(player) {
  const told = searchWords(player.short);
  const at = told.includes("@") ? told.lastIndexOf("@") : told.length;
  return element("span", { class: "t-player", title: player.name },
    element("span", { class: "t-run-name" }, told.slice(0, at)),
    at < told.length ? element("span", {}, told.slice(at)) : null);
}
