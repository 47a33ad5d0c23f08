// Buttons with an icon instead of a word.
import { element, svg } from "./dom.js";

const PATHS = {
  first: "M6 5h2.5v14H6zM19 5v14l-9.5-7z",
  back: "M15.5 4.5 17 6l-6 6 6 6-1.5 1.5L8 12z",
  play: "M8 5v14l11-7z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  forward: "M8.5 4.5 7 6l6 6-6 6 1.5 1.5L16 12z",
  last: "M15.5 5H18v14h-2.5zM5 5l9.5 7L5 19z",
};

function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true" },
    svg("path", { d: PATHS[name], fill: "currentColor" }),
  );
}

// The label may end in the key that does the same, in parentheses.
export function iconButton(name, label, onclick) {
  const button = element("button", { class: "icon", type: "button", onclick });
  relabel(button, name, label);
  return button;
}

export function relabel(button, name, label) {
  if (button.title === label) return;
  button.setAttribute("aria-label", label.replace(/ \(.*\)$/, ""));
  button.title = label;
  button.replaceChildren(icon(name));
}
