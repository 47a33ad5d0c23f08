// What the network looks at, and its activations: pictures that the server draws on demand.
import { ask, choice, element, get } from "../page/dom.js";
import { whole } from "../page/words.js";

const KEPT = 80; // pictures
const STALE_FRAMES = 8; // how far an overlay may lag behind a playing video

async function picture(path) {
  const response = await ask(`insight/${path}`);
  return URL.createObjectURL(await response.blob());
}

// Fills an image once; the picture is given back when the image has it.
export async function showPicture(image, path) {
  const url = await picture(path);
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}

// Shows the picture of the frame that is wanted: one is asked for at a time, the newest next.
function follower(pathOf, shown, failed) {
  const kept = new Map();
  let wanted = null;
  let busy = false;
  let stopped = false;
  const giveBack = () => {
    for (const url of kept.values()) URL.revokeObjectURL(url);
    kept.clear();
  };
  const run = async () => {
    busy = true;
    while (wanted !== null && !stopped) {
      const t = wanted;
      const path = pathOf(t);
      wanted = null;
      try {
        if (!kept.has(path)) kept.set(path, await picture(path));
        if (!stopped) shown(kept.get(path), t);
      } catch (error) {
        if (!stopped) failed(error);
      }
      if (stopped) giveBack();
      else if (kept.size > KEPT) {
        const [oldest, url] = kept.entries().next().value;
        URL.revokeObjectURL(url);
        kept.delete(oldest);
      }
    }
    busy = false;
  };
  return {
    want(t) {
      wanted = t;
      if (!busy) run();
    },
    stop() {
      stopped = true;
      giveBack();
    },
  };
}

// The agent is brought back once, when something asks for it.
export function agentOf(base) {
  let asked = null;
  return () => {
    asked ??= get(`insight/${base}/agent`).catch((error) => {
      asked = null;
      throw error;
    });
    return asked;
  };
}

// Returns { button, options, status, show(t), toggle(), stop() }: an overlay that colours what the
// agent looks at, over the game in `stage` or, where it sees something else, in `beside`.
export function overlay({ base, agent, stage, beside, crop, now }) {
  const image = element("img", { class: "ep-saliency", alt: "What the agent looks at" });
  const view = element("img", { class: "ep-own-view", alt: "What the agent sees" });
  const caption = element("span", { class: "ep-own-caption" }, "Its own view");
  const frame = element("div", { class: "ep-look" }, view, image, caption);
  const status = element("p", { class: "muted ep-look-status", role: "status" });
  const select = choice(
    [["choice", "choice"], ["value", "value"]],
    "choice",
    () => show(now()),
    { "aria-label": "What it looks at for" },
  );
  const options = element("span", { hidden: true }, select);
  const button = element(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      title: "Show what it looks at (o)",
      onclick: toggle,
    },
    "What it looks at",
  );
  let on = false;
  let facts = null;
  let at = null;
  image.hidden = view.hidden = caption.hidden = true;

  const failed = (error) => {
    status.textContent = `This cannot be shown: ${error.message}`;
    status.classList.add("problem");
    image.hidden = true;
  };
  const looks = follower(
    (t) => `${base}/saliency?t=${t}&of=${select.value}`,
    (url, t) => {
      image.src = url;
      at = t;
      freshen(now());
      if (on && status.classList.contains("problem")) explain(); // it was only busy
    },
    failed,
  );
  const views = follower(
    (t) => `${base}/observation?t=${t}`,
    (url) => {
      view.src = url;
      view.hidden = caption.hidden = !on;
    },
    failed,
  );

  function freshen(t) {
    image.hidden = !on || at === null || Math.abs(at - t) > STALE_FRAMES;
    image.dataset.frame = at;
  }

  async function toggle() {
    on = !on;
    button.setAttribute("aria-pressed", on);
    button.classList.toggle("primary", on);
    options.hidden = !on;
    status.classList.remove("problem");
    status.textContent = "";
    view.hidden = caption.hidden = true;
    image.hidden = true;
    frame.remove();
    if (!on) return;
    status.textContent = "Playing the episode once more to see what it saw…";
    try {
      facts = await agent();
    } catch (error) {
      if (on) failed(error);
      return;
    }
    if (!on) return;
    place();
    explain();
    show(now());
  }

  function explain() {
    status.classList.remove("problem");
    status.textContent = [
      facts.sees_screen
        ? "Coloured: where blurring the picture changes its mind most."
        : "It sees only its surroundings, turned so that it looks up; coloured: where blurring " +
          "changes its mind most.",
      facts.note,
    ].join(" ");
  }

  function place() {
    const { left, top, width, height } = facts.screen;
    (facts.sees_screen ? stage : beside).append(frame);
    frame.classList.toggle("ep-inset", !facts.sees_screen);
    if (facts.sees_screen) {
      frame.style.left = `${((left - crop.left) / crop.width) * 100}%`;
      frame.style.top = `${((top - crop.top) / crop.height) * 100}%`;
      frame.style.width = `${(width / crop.width) * 100}%`;
      frame.style.height = `${(height / crop.height) * 100}%`;
    } else {
      frame.style.aspectRatio = `${facts.observation.width} / ${facts.observation.height}`;
    }
  }

  function show(t) {
    if (!on || facts === null) return;
    freshen(t);
    looks.want(t);
    if (!facts.sees_screen) views.want(t);
  }

  const stop = () => [looks, views].forEach((one) => one.stop());
  return { button, options, status, show, toggle, stop };
}

function figure(title, alt, words) {
  const image = element("img", { alt, class: "ep-pixels" });
  const note = element("p", { class: "muted" }, words);
  const node = element("figure", {}, element("figcaption", {}, title), image, note);
  return { node, image, note };
}

// Returns { node, show(t), stop() }: a section that is filled when it is opened.
export function networkViews({ base, agent, run, now }) {
  const body = element("div", { class: "ep-inside-body" });
  const node = element(
    "details",
    { class: "panel ep-inside", ontoggle: open },
    element("summary", {}, element("h2", {}, "Inside the network")),
    body,
  );
  let followers = [];
  let opened = false;
  let stopped = false;

  async function open() {
    if (!node.open || opened) return;
    opened = true;
    const status = element("p", { class: "muted", role: "status" }, "Asking the network…");
    body.replaceChildren(status);
    try {
      const facts = await agent();
      if (!stopped) await fill(facts);
    } catch (error) {
      opened = false;
      status.className = "problem";
      status.textContent = `This cannot be shown: ${error.message}`;
    }
  }

  async function fill(facts) {
    const { width, height, frames, channels } = facts.observation;
    const input = figure(
      "What comes in",
      "The newest frame as the agent sees it",
      `The newest picture, shrunk to ${width} × ${height} pixels` +
        `${channels === 1 ? " in gray" : ""}. ` +
        (frames > 1
          ? `The agent is given the last ${frames} at once, so that it can see what moves.`
          : "The agent is given this one alone."),
    );
    const failed = (error) => (input.note.textContent = error.message);
    const follow = (name, image) =>
      follower((t) => `${base}/${name}?t=${t}`, (url) => (image.src = url), failed);
    followers = [follow("observation", input.image)];
    const figures = [input.node];
    if (facts.kernels) {
      const filters = figure(
        "What its first layer looks for",
        "The kernels of the first convolution",
        `${facts.kernels} small patterns, learned, that are compared with every place of the ` +
          "picture. " +
          (channels === 1
            ? "Amber: light here excites it; blue: light here silences it. " +
              (frames > 1
                ? "A column for each pattern, a row for each of the pictures, the oldest on top."
                : "")
            : "The colours are those that excite it; gray leaves it cold."),
      );
      await showPicture(filters.image, `${run}/filters?checkpoint=${facts.checkpoint}`);
      filters.node.classList.add("ep-wide");
      const maps = figure(
        "What it finds at this step",
        "The first layer's feature maps",
        "One picture for each pattern, bright where the pattern was found and dark where it was " +
          "not. Later layers see only these.",
      );
      followers.push(follow("activations", maps.image));
      figures.push(maps.node, filters.node);
    } else {
      figures.push(
        element("p", { class: "muted" }, "This network has no convolution: it reads all pixels."),
      );
    }
    const about = element(
      "p",
      { class: facts.note ? "" : "muted" },
      facts.note ?? `The checkpoint of step ${whole(facts.checkpoint)} is asked.`,
    );
    body.replaceChildren(about, element("div", { class: "ep-figures" }, figures));
    show(now());
  }

  function show(t) {
    if (node.open && !stopped) followers.forEach((one) => one.want(t));
  }

  function stop() {
    stopped = true;
    followers.forEach((one) => one.stop());
  }

  return { node, show, stop };
}
