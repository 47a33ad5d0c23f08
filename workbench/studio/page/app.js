// Chooses the page to show by the part of the address after #; everything shown has an address.
import { element, heading } from "./dom.js";

// A page is a module with `show(page, parts, query)`: it fills `page` and may return what ends it.
// A row says how it is loaded, and what it is called in the navigation or to which page it belongs.
const PAGES = {
  "": { tab: "Runs", load: () => import("../runs/gallery.js") },
  run: { within: "", load: () => import("../runs/run.js") },
  video: { within: "", load: () => import("../videos/player.js") },
  game: { within: "", load: () => import("../boards/replay.js") },
  play: { tab: "Play", load: () => import("./play.js") },
  tournaments: { tab: "Tournaments", load: () => import("../tournaments/tournaments.js") },
};
const PATIENCE = 300; // milliseconds until a page that is not there yet says that it loads

const main = document.getElementById("page");
let end = null;
let turn = 0;

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a % that stands for itself
  }
}

function makeTabs() {
  const tabs = Object.entries(PAGES).filter(([, { tab }]) => tab !== undefined);
  const link = ([name, { tab }]) => element("a", { href: `#/${name}`, "data-page": name }, tab);
  document.querySelector("nav").replaceChildren(...tabs.map(link));
}

function mark(name, [first]) {
  const ofTournament = name === "game" && first === "tournaments";
  const tab = ofTournament ? "tournaments" : (PAGES[name]?.within ?? name);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function trouble({ message }) {
  return [
    heading("This page cannot be shown"),
    element("p", { class: "panel problem", role: "alert" }, `Something went wrong: ${message}`),
    element("p", {}, element("a", { href: "#/" }, "All runs")),
  ];
}

async function navigate() {
  const mine = ++turn;
  const [path, search] = (location.hash.slice(1) || "/").split("?");
  const [name, ...parts] = path.replace(/^\//, "").split("/").map(decoded);
  end?.();
  end = null;
  const shown = element("div", { class: "page" });
  main.replaceChildren(shown);
  mark(name, parts);
  const loading = element("p", { class: "page muted", role: "status" }, "Loading…");
  const patience = setTimeout(() => main.prepend(loading), PATIENCE);
  try {
    if (!Object.hasOwn(PAGES, name)) throw new Error(`there is no page ${name}`);
    const { show } = await PAGES[name].load();
    const ending = await show(shown, parts, new URLSearchParams(search));
    if (mine === turn) end = ending ?? null;
    else ending?.();
  } catch (error) {
    shown.replaceChildren(...trouble(error));
  }
  clearTimeout(patience);
  loading.remove();
  if (mine !== turn) return;
  const title = shown.querySelector("h1")?.textContent;
  document.title = title ? `${title} · Ludus studio` : "Ludus studio";
}

window.addEventListener("hashchange", () => {
  navigate();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
// The address belongs to the pages, so this link cannot be followed as others are.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
makeTabs();
navigate();
