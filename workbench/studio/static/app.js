// Which page is shown: the part of the address after # says so, and everything shown has one.
import { element, failure } from "./dom.js";

// A page is a module with `show(page, parts, query)`: it fills `page` and may return what ends it.
const PAGES = {
  "": () => import("./gallery.js"),
  run: () => import("./run.js"),
  video: () => import("./player.js"),
  game: () => import("./replay.js"),
  play: () => import("./play.js"),
  tournaments: () => import("./tournaments.js"),
};
const TAB = { "": "gallery", run: "gallery", video: "gallery", game: "gallery" };

let end = null;
let turn = 0;

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a % that stands for itself
  }
}

async function navigate() {
  const mine = ++turn;
  const [path, search] = (location.hash.slice(1) || "/").split("?");
  const [name, ...parts] = path.split("/").slice(1).map(decoded);
  end?.();
  end = null;
  const page = document.getElementById("page");
  const shown = element("div", { class: "page" });
  page.replaceChildren(shown);
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.dataset.page === (TAB[name] ?? name);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    if (!(name in PAGES)) throw new Error(`there is no page ${name}`);
    const { show } = await PAGES[name]();
    const ending = await show(shown, parts, new URLSearchParams(search));
    if (mine === turn) end = ending ?? null;
    else ending?.();
  } catch (error) {
    if (mine === turn) shown.replaceChildren(failure(error));
  }
}

window.addEventListener("hashchange", () => {
  navigate();
  document.getElementById("page").focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
navigate();
