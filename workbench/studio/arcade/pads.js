// The on-screen buttons of a game.
import { element } from "../page/dom.js";

const KEY_NAMES = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const ARROWS = { up: "▲", down: "▼", left: "◀", right: "▶" };

const keyName = (code) => KEY_NAMES[code] ?? code.replace(/^(Key|Digit)/, "");

// A pad for each button of a game, to be pressed by finger, mouse or keys; `hold(name)` and
// `let(name)` are told of it, again and again while a key is down where it `repeats`.
export function pads(buttons, { hold, let: release, repeats }) {
  const cross = element("div", { class: "arcade-cross" });
  const others = element("div", { class: "arcade-others" });
  for (const { name, label, keys, place } of buttons) {
    const isPress = ({ key, repeat }) => (key === "Enter" || key === " ") && (!repeat || repeats);
    const pad = element("button", {
      type: "button",
      class: place ? `a-pad a-${place}` : "a-pad",
      "data-button": name,
      "aria-label": `${label} (${keys.map(keyName).join(" or ")})`,
      oncontextmenu: (event) => event.preventDefault(),
      onpointerdown: (event) => {
        event.preventDefault();
        pad.setPointerCapture(event.pointerId);
        hold(name);
      },
      onkeydown: (event) => {
        if (!isPress(event)) return;
        event.preventDefault();
        hold(name);
      },
    },
    element("span", {}, place ? ARROWS[place] : label),
    element("span", { class: "a-keys", "aria-hidden": "true" },
      keys.slice(0, 2).map((code) => element("kbd", {}, keyName(code)))));
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "keyup", "blur"]) {
      pad.addEventListener(kind, () => release(name));
    }
    (place ? cross : others).append(pad);
  }
  const places = buttons.map(({ place }) => place);
  cross.classList.toggle("a-flat", !places.includes("up") && !places.includes("down"));
  cross.classList.toggle("a-upright", !places.includes("left") && !places.includes("right"));
  return [cross, others].filter((group) => group.children.length);
}
