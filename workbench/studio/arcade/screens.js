// What stands on the page of a game that is played: the screens, the pads, the agent's thoughts.
import { element } from "../page/dom.js";
import { counted, fixed, percent, short } from "../page/words.js";

const KEY_NAMES = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const ARROWS = { up: "▲", down: "▼", left: "◀", right: "▶" };
const MANY = 9; // actions, from which on they stand in columns

export function scoreText(number) {
  return short(Math.abs(number) < 1000 ? +number.toFixed(2) : number);
}

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

// How likely the agent does what, or what it expects of each action.
export class Thoughts {
  constructor() {
    this.node = element("div", { class: "arcade-thoughts" });
    this.bars = null;
  }

  clear() {
    this.node.replaceChildren();
    this.bars = null;
  }

  show(actions, { policy, values }) {
    const numbers = policy ?? values;
    if (!numbers || numbers.length !== actions.length) return;
    if (!this.bars) this.build(actions, Boolean(policy));
    const [low, high] = policy ? [0, 1] : [Math.min(...numbers), Math.max(...numbers)];
    const best = Math.max(...numbers);
    this.bars.forEach(({ row, bar, value }, i) => {
      const share = high > low ? (numbers[i] - low) / (high - low) : 0;
      bar.style.width = percent(share, 1);
      row.classList.toggle("a-best", numbers[i] === best);
      value.replaceChildren(policy ? percent(numbers[i]) : fixed(numbers[i], 2));
    });
  }

  build(actions, isPolicy) {
    this.bars = actions.map((name) => {
      const bar = element("span", { class: "a-fill" });
      const value = element("span", { class: "a-value numbers" });
      const row = element("li", {},
        element("span", { class: "a-name" }, name.replaceAll("_", " ")),
        element("span", { class: "a-track", "aria-hidden": "true" }, bar), value);
      return { row, bar, value };
    });
    this.node.replaceChildren(
      element("h2", {}, isPolicy ? "How likely it does what" : "What it expects of each action"),
      element("ul", { class: actions.length > MANY ? "a-many" : null }, this.bars.map(({ row }) => row)),
    );
  }
}

// One side's screen with its score.
export class Screen {
  constructor(name, label) {
    this.canvas = element("canvas", { role: "img", "aria-label": label, width: 4, height: 3 });
    this.score = element("span", { class: "a-score numbers" }, "0");
    this.about = element("span", { class: "muted a-about" });
    this.name = name;
    this.figure = element("section", { class: "panel arcade-side", "aria-label": name },
      element("div", { class: "arcade-title" }, element("h2", {}, name), this.about, this.score),
      element("div", { class: "arcade-frame" }, this.canvas));
  }

  async draw(bytes, facts, side) {
    if (bytes.length) {
      const picture = await createImageBitmap(new Blob([bytes], { type: facts.media_type }));
      const { canvas } = this;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        // Atari's pixels are wide: a television shows 160 x 210 of them as 4:3.
        const ratio = facts.kind === "atari" ? 4 / 3 : picture.width / picture.height;
        canvas.style.aspectRatio = ratio;
        canvas.style.setProperty("--ratio", ratio);
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
    }
    this.score.replaceChildren(scoreText(side.score));
    const told = [
      side.over ? "over" : null,
      side.lives === null ? null : counted(side.lives, "life", "lives"),
      counted(side.steps, "step"),
    ];
    this.about.replaceChildren(told.filter((part) => part !== null).join(" · "));
    this.figure.classList.toggle("a-over", side.over);
    this.figure.dataset.action = side.action === null ? "" : facts.actions[side.action];
  }
}
