// Shell commands that reproduce what a page shows, to be copied.
import { element } from "./dom.js";

const SHOWN_FOR = 1500; // milliseconds in which a button says that it has copied

// Puts a text where it can be pasted from; without a secure connection, by hand.
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    prompt(what, text);
    return false;
  }
}

export function copyButton(words, what, text, attributes = {}) {
  const button = element("button", { type: "button", ...attributes }, words);
  button.addEventListener("click", async () => {
    if (await copy(text(), what)) button.textContent = "Copied";
    setTimeout(() => (button.textContent = words), SHOWN_FOR);
  });
  return button;
}

// `commands` as the server tells them: what each does, and its line; nothing where there is none.
export function commandsPanel(commands) {
  if (!commands?.length) return null;
  const row = ({ what, line }) =>
    element(
      "li",
      {},
      element("span", { class: "muted" }, what),
      element("code", { tabindex: 0, role: "region", "aria-label": `Command: ${what}` }, line),
      copyButton("Copy", `The command: ${what}`, () => line, { "aria-label": `Copy: ${what}` }),
    );
  return element(
    "details",
    { class: "panel commands" },
    element("summary", {}, element("h2", {}, "Commands")),
    element("ul", {}, commands.map(row)),
  );
}
