// Which entry a host and a path lead to. Pure.

/** Stands for any host. */
export const ANY_HOST = "";

interface Route<T> {
  readonly path: string;
  readonly value: T;
}

/**
 * The most specific host with a path that fits decides: the name itself, then `*.domain` from the longest domain to the
 * shortest, then any. Of its paths the longest one, whole segments compared letter by letter.
 */
export class RouteTable<T> {
  /** Longest path first. */
  readonly #hosts = new Map<string, Route<T>[]>();

  get(host: string, path: string): T | undefined {
    return this.#hosts.get(host)?.find((route) => route.path === path)?.value;
  }

  set(host: string, path: string, value: T): void {
    const others = (this.#hosts.get(host) ?? []).filter((route) => route.path !== path);
    this.#hosts.set(
      host,
      [...others, { path, value }].sort((a, b) => b.path.length - a.path.length),
    );
  }

  delete(host: string, path: string): void {
    const left = (this.#hosts.get(host) ?? []).filter((route) => route.path !== path);
    if (left.length === 0) this.#hosts.delete(host);
    else this.#hosts.set(host, left);
  }

  get isEmpty(): boolean {
    return this.#hosts.size === 0;
  }

  match(host: string, path: string): T | undefined {
    const onlyAny = this.#hosts.size === 1 && this.#hosts.has(ANY_HOST);
    for (const candidate of onlyAny ? [ANY_HOST] : candidates(host)) {
      const found = this.#hosts.get(candidate)?.find((route) => leads(route.path, path));
      if (found !== undefined) return found.value;
    }
    return undefined;
  }
}

function* candidates(host: string): Generator<string> {
  yield host;
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) yield `*${host.slice(dot)}`;
  if (host !== ANY_HOST) yield ANY_HOST;
}

const leads = (prefix: string, path: string): boolean =>
  prefix === "/" || (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/"));

/** Longer names are none, and are not looked for. */
const MAX_HOST = 254;

/** Of an authority, without its port. */
export function hostOf(authority: string | undefined): string {
  if (authority === undefined) return ANY_HOST;
  const end = authority.startsWith("[") ? authority.indexOf("]") + 1 : authority.indexOf(":");
  const host = end > 0 ? authority.slice(0, end) : authority;
  return host.length > MAX_HOST ? ANY_HOST : host.replace(/\.$/, "").toLowerCase();
}

/** Of a path with its query. */
export function pathOf(pathWithQuery: string): string {
  const query = pathWithQuery.indexOf("?");
  return query < 0 ? pathWithQuery : pathWithQuery.slice(0, query);
}

/** What is left of a path without the prefix that led to it. */
export function stripPath(prefix: string, pathWithQuery: string): string {
  if (prefix === "/") return pathWithQuery;
  const rest = pathWithQuery.slice(prefix.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
