// One recorded episode: the video, in step with the agent's outputs.
import { address, keep, path } from "../page/address.js";
import { commandsPanel, copyButton } from "../page/commands.js";
import { choice, element, get, heading, isForPage } from "../page/dom.js";
import { iconButton, relabel } from "../page/icons.js";
import { Film, SPEEDS } from "./film.js";
import { actionBars, nameOf } from "./actions.js";
import { eventList } from "./events.js";
import { agentOf, networkViews, overlay, showPicture } from "./network.js";
import { downloadLink } from "../runs/run.js";
import { timeline } from "./timeline.js";
import { fixed, gameName, recording, runName, short, whole } from "../page/words.js";

const STAGE_HEIGHT = 440;
const JUMP_FRAMES = 15;

export async function show(page, [run, video], query) {
  if (!run || !video) throw new Error("there is no such video");
  const base = path(run, video);
  const here = path("runs", run, "videos", video);
  const [facts, trace] = await Promise.all([get(`insight/${base}`), get(`${here}/trace`)]);
  const agent = agentOf(base);
  const screen = element("video", {
    src: `api/${here}.mp4`,
    preload: "auto",
    playsinline: true,
    "aria-label": `Recording of ${trace.title}`,
  });
  screen.muted = true;
  const stage = element("div", { class: "ep-stage" }, screen);
  const screens = element("div", { class: "ep-screens" }, stage);
  const problem = element("p", { class: "problem", role: "alert", hidden: true });

  const describe = (t) => {
    const step = trace.steps[t];
    const words = [`step ${whole(t)}`, `value ${short(facts.value[t])}`];
    if (step.action !== null) words.push(nameOf(trace, step.action));
    return words.join(", ");
  };
  const memory = trace.steps[0].memory_norm === undefined ? null : memoryStrip(base);
  const film = new Film(screen, facts.fps, facts.frames, { shown, changed });
  const seek = (t) => t !== null && film.seek(t);
  const line = timeline({ trace, facts, memory, describe, seek });
  const actions = actionBars(trace);
  const events = eventList(trace, facts, seek);
  const look = overlay({ base, agent, stage, beside: screens, crop: facts.screen, now: () => film.t });
  const network = networkViews({ base, agent, run: path(run), now: () => film.t });
  const readout = readoutOf(trace, facts);
  const { node: controls, update } = transport(film, seek, events, look);
  let linkTimer = null;

  function shown(t) {
    line.show(t);
    actions.show(t);
    events.show(t);
    readout.show(t);
    look.show(t);
    network.show(t);
    if (!film.playing) keepLink();
  }

  function changed() {
    update();
    if (!film.playing) keepLink();
  }

  // The address says which frame is shown, but not on every frame of a drag.
  function keepLink() {
    clearTimeout(linkTimer);
    linkTimer = setTimeout(() => {
      keep(page, `${address("video", run, video)}?t=${film.t}`);
    }, 120);
  }

  screen.addEventListener("loadedmetadata", () => {
    // Of the video only the screen is seen: this page tells the rest itself.
    const { left, top, width, height, frame_width: frameWidth } = facts.screen;
    stage.style.aspectRatio = `${width} / ${height}`;
    stage.style.maxWidth = `${(STAGE_HEIGHT * width) / height}px`;
    screen.style.width = `${(frameWidth / width) * 100}%`;
    screen.style.margin = `${(-100 * top) / width}% 0 0 ${(-100 * left) / width}%`;
    const asked = Number(query.get("t"));
    film.seek(Number.isFinite(asked) ? asked : 0);
  });
  screen.addEventListener("error", () => {
    if (film.stopped) return;
    problem.textContent =
      "The video cannot be played: the file is damaged, or the browser lacks H.264.";
    problem.hidden = false;
  });
  screen.addEventListener("click", () => film.toggle());

  page.append(
    head(run, video, trace, facts),
    problem,
    element(
      "div",
      { class: "ep-grid" },
      element(
        "section",
        { class: "panel ep-watch", "aria-label": "Video" },
        screens,
        controls,
        look.status,
      ),
      actions.node,
      events.node,
      element(
        "section",
        { class: "panel ep-whole", "aria-label": "Timeline" },
        readout.node,
        line.node,
        legend(trace),
      ),
    ),
    network.node,
    commandsPanel(facts.commands) ?? "",
    keysHelp(),
  );
  const onkey = (event) => pressed(event, film, seek, events, look);
  document.addEventListener("keydown", onkey);
  shown(0);
  update();
  clearTimeout(linkTimer); // until the video is there, the address is right as it is
  return () => {
    document.removeEventListener("keydown", onkey);
    clearTimeout(linkTimer);
    [line.end, look.stop, network.stop, () => film.stop()].forEach((end) => end());
  };
}

function head(run, video, trace, facts) {
  const named = (name) => {
    const { steps, episode } = recording(name);
    return `after ${steps} steps, episode ${episode}`;
  };
  const other = (name) => (location.hash = address("video", run, name));
  const videos = facts.videos.map((name) => [name, named(name)]);
  const ending = trace.cut ? ", cut" : "";
  return element(
    "div",
    { class: "ep-head" },
    heading(`${gameName(trace.game)}: ${runName(run)} plays`, {
      back: { href: address("run", run), words: runName(run) },
      about: `score ${short(trace.episode_return)} in ${short(trace.episode_length)} steps${ending}`,
    }),
    element("label", {}, "Recording", choice(videos, video, other, { class: "ep-which" })),
    downloadLink({ id: run }, video, "Download video"),
  );
}

// Returns the buttons below the video, and what brings them up to date.
function transport(film, seek, events, look) {
  const play = iconButton("play", "Play (space)", () => film.toggle());
  const speed = choice(
    SPEEDS.map((rate) => [rate, `${rate}×`]),
    1,
    (rate) => film.speed(Number(rate)),
    { "aria-label": "Speed" },
  );
  const jump = (text, label, key, where) =>
    element(
      "button",
      {
        type: "button",
        title: `${label} (${key})`,
        "aria-label": label,
        onclick: () => seek(where(film.t)),
      },
      text,
    );
  const node = element(
    "div",
    { class: "ep-controls" },
    element(
      "div",
      { class: "row" },
      iconButton("first", "First frame (Home)", () => film.seek(0)),
      iconButton("back", "Frame back (,)", () => film.step(-1)),
      play,
      iconButton("forward", "Frame forward (.)", () => film.step(1)),
      iconButton("last", "Last frame (End)", () => film.seek(film.last)),
      speed,
      copyButton("Copy link", "The link to this frame", () => linkTo(film), { class: "ep-copy" }),
    ),
    element(
      "div",
      { class: "row" },
      jump("‹ Event", "Previous event", "p", events.previous),
      jump("Event ›", "Next event", "n", events.next),
      look.button,
      look.options,
    ),
  );
  play.classList.add("primary");
  const update = () => {
    if (film.playing) relabel(play, "pause", "Pause (space)");
    else relabel(play, "play", "Play (space)");
    speed.value = String(film.video.playbackRate);
  };
  return { node, update };
}

const linkTo = (film) => `${location.href.split("?")[0]}?t=${film.t}`;

function readoutOf(trace, facts) {
  const cells = ["Step", "Score", "Value", "Reward", "Surprise"].map((name) => {
    const number = element("dd", { class: "numbers" });
    return { number, node: element("div", {}, element("dt", {}, name), number) };
  });
  const node = element("dl", { class: "ep-readout" }, cells.map((cell) => cell.node));
  const last = trace.steps.length - 1;
  const show = (t) => {
    const reward = t ? trace.steps[t - 1].reward : 0; // what arrived with this frame
    const texts = [
      `${whole(t)} / ${whole(last)}`,
      short(trace.steps[t].score),
      fixed(facts.value[t], 3),
      short(reward),
      fixed(facts.surprise[t], 3),
    ];
    cells.forEach(({ number }, i) => (number.textContent = texts[i]));
  };
  return { node, show };
}

function legend(trace) {
  const memory = trace.steps[0].memory_norm !== undefined;
  const words = [
    ["surprise", "surprise: the value moved much more than usual"],
    ["gain", "points won"],
    ["loss", "points lost"],
  ];
  return element(
    "p",
    { class: "ep-legend muted" },
    words.map(([kind, text]) =>
      element(
        "span",
        {},
        element("i", { class: `ep-key ep-${kind}`, "aria-hidden": "true" }),
        text,
      ),
    ),
    element("span", {}, "actions have the colours of their bars"),
    memory ? element("span", {}, "units: amber above zero, blue below, dark at rest") : null,
  );
}

function memoryStrip(base) {
  const holder = element("div", { class: "ep-memory-holder" }, "Playing the episode once more…");
  const alt = "The agent's memory: a row for each unit, a column for each step";
  const image = element("img", { alt, draggable: "false" });
  showPicture(image, `${base}/memory`).then(
    () => holder.replaceChildren(image),
    (error) => (holder.textContent = error.message),
  );
  return holder;
}

function pressed(event, film, seek, events, look) {
  const { key, target } = event;
  if (!isForPage(event)) return;
  if ((key === " " || key === "Enter") && target.closest("button, a, summary")) return;
  const done = {
    " ": () => film.toggle(),
    k: () => film.toggle(),
    ",": () => film.step(-1),
    ".": () => film.step(1),
    ArrowLeft: () => film.step(event.shiftKey ? -JUMP_FRAMES : -1),
    ArrowRight: () => film.step(event.shiftKey ? JUMP_FRAMES : 1),
    PageUp: () => film.step(-JUMP_FRAMES),
    PageDown: () => film.step(JUMP_FRAMES),
    Home: () => film.seek(0),
    End: () => film.seek(film.last),
    n: () => seek(events.next(film.t)),
    p: () => seek(events.previous(film.t)),
    "[": () => film.faster(-1),
    "]": () => film.faster(1),
    o: () => look.toggle(),
  }[key];
  if (!done) return;
  event.preventDefault();
  done();
}

function keysHelp() {
  const keys = [
    ["space", "play or pause"],
    [", .", "frame back, forward (arrows too)"],
    ["shift + arrows", `${JUMP_FRAMES} frames`],
    ["Home End", "first, last frame"],
    ["p n", "previous, next event"],
    ["[ ]", "slower, faster"],
    ["o", "what it looks at"],
  ];
  return element(
    "details",
    { class: "ep-keys" },
    element("summary", {}, "Keys"),
    element(
      "dl",
      {},
      keys.map(([key, what]) =>
        element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)),
      ),
    ),
  );
}
