import { element } from "./dom.js";

export async function show(page) {
  page.append(element("h1", {}, "tournaments"));
}
