// The agent's estimate of each action, beside a person's game.
import { element } from "../page/dom.js";
import { fixed, percent } from "../page/words.js";

const MANY = 9; // actions, from which on they stand in columns

// How likely the agent does what, or what it expects of each action.
export class ActionBars {
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
