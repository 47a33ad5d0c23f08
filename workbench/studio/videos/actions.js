// A bar per action, with the agent's estimate of it and a mark at the one that it chose.
import { element } from "../page/dom.js";
import { actionColour } from "./timeline.js";
import { fixed, percent } from "../page/words.js";

const SPREAD_STEPS = 100; // as in the video's own panel

export function nameOf(trace, action) {
  return action === null ? "none" : trace.action_names[action].replaceAll("_", " ");
}

// How full each bar is, and what it says. Q-values differ little compared with their size: a bar
// tells how far an action lies behind the best one, as in the video's own panel.
function reading(trace, t) {
  const { values, policy } = trace.steps[t];
  if (policy) return policy.map((share) => ({ share, text: percent(share, 1) }));
  let widest = 0;
  for (const step of trace.steps.slice(Math.max(0, t - SPREAD_STEPS + 1), t + 1)) {
    widest = Math.max(widest, Math.max(...step.values) - Math.min(...step.values));
  }
  const best = Math.max(...values);
  return values.map((value) => ({
    share: widest > 0 ? 1 - (best - value) / widest : 1,
    text: fixed(value, 3),
  }));
}

// Returns { node, show(t) }.
export function actionBars(trace) {
  const isPolicy = Boolean(trace.steps[0].policy);
  const count = trace.action_names.length;
  const rows = trace.action_names.map((_, i) => {
    const style = `background: ${actionColour(i, count)}`;
    const fill = element("div", { class: "ep-fill", style });
    const number = element("span", { class: "ep-number numbers" });
    const mark = element("span", { class: "ep-chosen-mark" });
    const node = element(
      "li",
      {},
      element("span", { class: "ep-action-name" }, nameOf(trace, i), mark),
      element("div", { class: "ep-bar-track", "aria-hidden": "true" }, fill),
      number,
    );
    return { node, fill, number, mark };
  });
  const deviates = element("p", { class: "muted ep-deviates" });
  const node = element(
    "section",
    { class: "panel ep-bars", "aria-labelledby": "bars-title" },
    element("h2", { id: "bars-title" }, isPolicy ? "Policy" : "Q-values"),
    element(
      "p",
      { class: "muted ep-hint" },
      isPolicy
        ? "How likely the agent takes each action."
        : "The score it expects of each action; full: the best one.",
    ),
    element("ol", {}, rows.map((row) => row.node)),
    deviates,
  );
  const show = (t) => {
    const chosen = trace.steps[t].action;
    const now = reading(trace, t);
    now.forEach(({ share, text }, i) => {
      rows[i].fill.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
      rows[i].number.textContent = text;
      rows[i].node.classList.toggle("ep-chosen", i === chosen);
      rows[i].mark.textContent = i === chosen ? "chosen" : "";
    });
    const best = Math.max(...now.map(({ share }) => share));
    deviates.textContent =
      chosen !== null && now[chosen].share < best - 1e-9
        ? "Not the best one: the protocol asks for some random actions."
        : chosen === null
          ? "The episode is over: nothing was chosen here."
          : "";
  };
  return { node, show };
}
