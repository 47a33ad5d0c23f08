// All runs.
import { element, get } from "./dom.js";

export async function show(page) {
  const { runs } = await get("runs/");
  page.append(
    element("h1", {}, "Runs"),
    element(
      "ul",
      { class: "cards" },
      runs.map((run) =>
        element("li", { class: "card" }, element("a", { href: `#/run/${run.id}` }, run.name)),
      ),
    ),
  );
}
