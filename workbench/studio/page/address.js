// Addresses of pages: builds them, and reads the current one.

// The parts of a path, of the studio's pages as of what the server answers.
export const path = (...parts) => parts.map(encodeURIComponent).join("/");

export const address = (...parts) => `#/${path(...parts)}`;

// An address with the values of a query that there are.
export function withQuery(address, values) {
  const told = Object.entries(values).filter(([, value]) => value || value === 0);
  const query = new URLSearchParams(told).toString().replaceAll("%2C", ",");
  return query ? `${address}?${query}` : address;
}

// Puts what `page` shows into the address, so that a reload or a link leads here again. A page
// that was left while it waited for something no longer has a say.
export function keep(page, address) {
  if (page.isConnected) history.replaceState(null, "", address);
}

// Of a game that is to differ from those before it.
export const newSeed = () => Math.floor(Math.random() * 100_000);

// A whole number in a query, or what is said otherwise.
export function numberIn(query, name, otherwise) {
  const text = query.get(name) ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
}
