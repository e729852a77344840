// Addresses: of a hub, of a stream with what it asks for, and what a stream's address asks for.
const HUB = ".well-known/mercure";

/** In a browser addresses may be relative to the page. */
export function absolute(address) {
  const url = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`${url} is not http or https`);
  return url;
}

/** A path of a server whose address is given with or without that of its hub. */
export function within(server, path) {
  const url = absolute(server);
  url.search = url.hash = "";
  const base = url.href.replace(/\/?(\.well-known\/mercure)?\/?$/, "/");
  return new URL(path, base);
}

/** Where selectors are given, the address is that of the server; otherwise that of the stream itself. */
export function streamAddress(address, { topics = [], patterns = [], templates = [], last, since }) {
  const selectors = [
    ...[topics].flat().map((topic) => ["match", topic]),
    ...[patterns].flat().map((pattern) => ["match_urlpattern", pattern]),
    ...[templates].flat().map((template) => ["topic", template]),
  ];
  const url = selectors.length === 0 ? absolute(address) : within(address, HUB);
  for (const [name, value] of selectors) url.searchParams.append(name, value);
  if (last !== undefined) url.searchParams.set("last", last);
  if (since !== undefined) {
    url.searchParams.set("since", since instanceof Date ? since.toISOString() : since);
  }
  return url;
}

/** The topics that a stream is about; undefined where it may be about others, too. */
export function topicsOf(url) {
  const path = /\/events\/(.+)$/.exec(url.pathname);
  if (path && !path[1].endsWith(`/${HUB}`)) return [decoded(path[1])];
  const topics = [];
  for (const [name, value] of url.searchParams) {
    if (name === "match_urlpattern" || (name === "topic" && value.includes("{"))) return undefined;
    if (["match", "match_exact", "topic"].includes(name)) topics.push(value);
  }
  return topics.length === 0 || topics.includes("*") ? undefined : topics;
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
