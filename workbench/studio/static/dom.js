// Small helpers that every page uses. Text from files only ever becomes text, never markup.

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

// What the server answers to GET `/api/...`; throws an Error with its message.
export async function get(path, options = {}) {
  const response = await fetch(`/api/${path}`, options);
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export function failure(error) {
  return element("p", { class: "problem", role: "alert" }, `Something went wrong: ${error.message}`);
}

// 1234567 -> "1.23M"; for labels where space is short.
export function short(number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  if (size >= 1e6) return `${+(number / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(number / 1e3).toPrecision(3)}k`;
  if (Number.isInteger(number)) return number.toLocaleString("en");
  return `${+number.toPrecision(size >= 100 ? 4 : 3)}`;
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${+(seconds / 3600).toPrecision(2)} h`;
}

// Calls `f` now and every `seconds` while the page is shown; returns what ends it.
export function every(seconds, f) {
  let timer = null;
  const tick = async () => {
    if (!document.hidden) await f();
    timer = setTimeout(tick, seconds * 1000);
  };
  timer = setTimeout(tick, seconds * 1000);
  return () => clearTimeout(timer);
}
