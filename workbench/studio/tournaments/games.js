// The list of a tournament's games.
import { address, keep, path, withQuery } from "../page/address.js";
import { choice, element, failure, get, panel, scrolled, setOptions, th } from "../page/dom.js";
import { playerName } from "./names.js";
import { counted, whole } from "../page/words.js";

const PAGE = 50; // games that the studio sends at a time

// Which games there were, of any player, to choose one and see it.
export class Games {
  constructor(page, id, facts, query) {
    this.page = page;
    this.id = id;
    this.players = facts.players;
    const chosen = (key) => /^\d{1,4}$/.test(query.get(key) ?? "") ? query.get(key) : "";
    this.first = Number(chosen("first"));
    const filter = (label) => choice([], null, () => this.changed(), { "aria-label": label });
    this.player = filter("Player");
    this.against = filter("Against");
    this.result = filter("Result");
    this.fillPlayers(chosen("player"), chosen("against"));
    this.fillResults(query.get("result") ?? "");
    this.body = element("tbody");
    this.told = element("span", { class: "muted numbers", role: "status" });
    this.back = element("button", { onclick: () => this.turn(-PAGE) }, "Previous");
    this.next = element("button", { onclick: () => this.turn(PAGE) }, "Next");
    this.panel = panel("Games",
      element("div", { class: "row t-filters" }, element("label", {}, "Player", this.player),
        element("label", {}, "Against", this.against), element("label", {}, "Result", this.result)),
      scrolled("Games", element("table", { class: "numbers t-games" }, element("thead", {}, element("tr", {},
        th("Game"), th("Moves first"), th("Moves second"), th("Result"), th("Moves", { class: "t-right" }),
        th("Opening", { class: "t-right" }))), this.body)),
      element("div", { class: "row t-pager" }, this.back, this.next, this.told));
  }

  fillPlayers(player, against) {
    const options = [["", "anybody"], ...this.players.map((one, i) => [i, one.short])];
    setOptions(this.player, options, player);
    setOptions(this.against, options, against);
  }

  fillResults(result) {
    const [won, lost] = this.player.value === "" ? ["First won", "Second won"] : ["Won", "Lost"];
    const names = { "": "any", won, drawn: "Drawn", lost, forfeit: "Forfeited" };
    setOptions(this.result, Object.entries(names), result);
  }

  changed() {
    this.first = 0;
    this.fillResults(this.result.value);
    return this.load();
  }

  async choose(player, against) {
    this.player.value = player;
    this.against.value = against;
    this.result.value = "";
    await this.changed();
    this.panel.scrollIntoView({ block: "start" });
  }

  turn(by) {
    this.first = Math.max(0, this.first + by);
    return this.load();
  }

  async renew({ players }) {
    const named = (select) => this.players[select.value]?.name;
    const [player, against] = [named(this.player), named(this.against)];
    this.players = players;
    const place = (wanted) => {
      const at = players.findIndex(({ name: one }) => one === wanted);
      return at < 0 ? "" : String(at);
    };
    this.fillPlayers(place(player), place(against));
    await this.load();
  }

  async load() {
    const [player, against, result] = [this.player, this.against, this.result].map((s) => s.value);
    const wanted = { player, against, result, first: this.first || "" };
    keep(this.page, withQuery(address("tournaments", this.id), wanted));
    const asked = this.asked = {};
    try {
      const answer = await get(withQuery(path("tournaments", this.id, "games"), wanted));
      if (asked === this.asked) this.fill(answer);
    } catch (error) {
      if (asked === this.asked) this.told.replaceChildren(failure(error));
    }
  }

  fill({ total, first, games }) {
    this.body.replaceChildren(...games.map((game) => this.row(game)));
    this.back.disabled = first === 0;
    this.next.disabled = first + games.length >= total;
    const last = first + games.length;
    this.told.replaceChildren(games.length
      ? `${whole(first + 1)}–${whole(last)} of ${counted(total, "game")}`
      : "No such games.");
  }

  row({ n, players, score, plies, opening, forfeit }) {
    const who = (seat, won) => element("td", { class: won ? "t-winner" : "" }, playerName(this.players[players[seat]]));
    const result = score === 1 ? "1–0" : score === 0 ? "0–1" : "½–½";
    return element("tr", {},
      element("td", {}, element("a", { href: address("game", "tournaments", this.id, n) },
        `Game ${n + 1}`)),
      who(0, score === 1), who(1, score === 0),
      element("td", { title: forfeit || null }, result, forfeit ? element("span", { class: "muted" }, " forfeit") : null),
      element("td", { class: "t-right" }, String(plies)),
      element("td", { class: "t-right" }, String(opening + 1)));
  }
}
