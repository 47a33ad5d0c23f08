// Small helpers for every page. Text from files is inserted as text only, never as markup.

const WRITTEN_IN = "input:not([type='checkbox']), select, textarea";

// element("a", { href: "#/", onclick: f }, "text", child, ...): null children are left out.
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// A choice of one of `options`, pairs of a value and its words; `change(value)` is told of another.
export function choice(options, value, change, attributes = {}) {
  const select = element("select", { ...attributes, onchange: () => change(select.value) });
  setOptions(select, options, value);
  return select;
}

export function setOptions(select, options, value) {
  select.replaceChildren(...options.map(([key, words]) => element("option", { value: key }, words)));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0; // what is not there cannot be chosen
}

// How every page begins: a link to where it belongs, its name, and a line about it.
export function heading(title, { back = null, about = null, beside = [] } = {}) {
  return element(
    "div",
    { class: "heading" },
    back ? element("a", { class: "back", href: back.href }, `‹ ${back.words}`) : null,
    element("div", { class: "title" }, element("h1", {}, title), beside),
    about ? element("p", { class: "muted" }, about) : null,
  );
}

// A section under a heading of its own.
export function panel(title, ...content) {
  const id = `section-${title.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return element("section", { class: "panel", "aria-labelledby": id },
    element("h2", { id }, title), ...content);
}

// A wide table that scrolls by itself, also by keyboard.
export function scrolled(label, table) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

export function th(text, options = {}) {
  return element("th", { scope: "col", ...options }, text);
}

// Scrolls a list by itself, not the page, so far that one of its items is seen.
export function reveal(list, item) {
  const top = item.offsetTop - list.offsetTop;
  if (top < list.scrollTop || top + item.offsetHeight > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 2;
  }
}

// Whether a key is for the page: not for the browser, nor for what is written or chosen in.
export function isForPage({ altKey, ctrlKey, metaKey, target }) {
  return !altKey && !ctrlKey && !metaKey && !target.closest?.(WRITTEN_IN);
}

// The server's response to GET `api/...`, an address relative to the page's, which a proxy may have
// moved anywhere; throws an Error with its message.
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the studio does not answer; does ludus watch still run?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  throw Object.assign(new Error(answer.error), { status: response.status });
}

// POST `api/...` with what is told as JSON; returns the answer, throws as `ask`.
export async function post(path, told) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(told) })).json();
}

export async function get(path, options) {
  return (await ask(path, options)).json();
}

export function failure(error) {
  return element("p", { class: "problem", role: "alert" }, `Something went wrong: ${error.message}`);
}

// Calls `f` every `seconds` while the page is seen; returns what ends it.
export function every(seconds, f) {
  let timer = null;
  let ended = false;
  const tick = async () => {
    try {
      if (!document.hidden) await f();
    } finally {
      if (!ended) timer = setTimeout(tick, seconds * 1000);
    }
  };
  timer = setTimeout(tick, seconds * 1000);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
