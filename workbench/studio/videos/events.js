// The list of events in an episode; each one links to its frame.
import { element, reveal } from "../page/dom.js";
import { short, whole } from "../page/words.js";

const more = (amount) => `${amount > 0 ? "+" : ""}${short(amount)}`;

function told({ kind, amount }, cut) {
  if (kind === "reward") return `Reward ${more(amount)}`;
  if (kind === "life") return "Life lost";
  if (kind === "end") return cut ? "Recording ends" : "Episode ends";
  return `${amount > 0 ? "Better" : "Worse"} than expected, ${more(amount)}`;
}

// Returns { node, show(t), next(t), previous(t) }, of which the last two give a frame or null.
export function eventList(trace, facts, seek) {
  const rows = facts.events.map((event) => ({
    t: event.t,
    node: element(
      "button",
      {
        type: "button",
        class: `ep-event ep-${event.kind} ${event.amount < 0 ? "ep-down" : "ep-up"}`,
        onclick: () => seek(event.t),
      },
      element("span", { class: "ep-dot", "aria-hidden": "true" }),
      element("span", {}, told(event, trace.cut)),
      element("span", { class: "muted numbers ep-when" }, `step ${whole(event.t)}`),
    ),
  }));
  const list = element("ol", {}, rows.map(({ node }) => element("li", {}, node)));
  const node = element(
    "section",
    { class: "panel ep-events", "aria-labelledby": "events-title" },
    element("h2", { id: "events-title" }, `Events (${rows.length})`),
    list,
  );
  const show = (t) => {
    for (const row of rows) {
      if (row.t === t) row.node.setAttribute("aria-current", "true");
      else row.node.removeAttribute("aria-current");
    }
    const near = rows.findLast((row) => row.t <= t)?.node;
    if (near && !list.contains(document.activeElement)) reveal(list, near);
  };
  return {
    node,
    show,
    next: (t) => rows.find((row) => row.t > t)?.t ?? null,
    previous: (t) => rows.findLast((row) => row.t < t)?.t ?? null,
  };
}
