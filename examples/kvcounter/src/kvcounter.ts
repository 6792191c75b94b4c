// What a request asks for, and what it is answered with.

export interface Request {
  /** In lower case, such as `get`. */
  readonly method: string;
  readonly path: string;
}

export interface Answer {
  readonly status: number;
  /** Made JSON. */
  readonly body: unknown;
  /** Methods that the path takes, when it is another one. */
  readonly allow?: string;
}

export interface Counters {
  /** Adds to a counter and gives its new value; one that nobody counted is 0. */
  add(name: string, by: number): number;
}

const COUNTER = /^\/counters\/([A-Za-z0-9_-]{1,64})(?:\?(.*))?$/;

/** What one request may add: far below what a counter holds, so that no single one fills it. */
const MOST = 1_000_000_000;

/** `GET /counters/NAME` tells, `POST /counters/NAME` counts; with `?by=N` it adds N. */
export function answer({ method, path }: Request, counters: Counters): Answer {
  const [, name, query] = COUNTER.exec(path) ?? [];
  if (name === undefined) return { status: 404, body: { error: "want /counters/NAME" } };
  if (method !== "get" && method !== "head" && method !== "post") {
    return { status: 405, body: { error: "want GET or POST" }, allow: "GET, HEAD, POST" };
  }
  const by = method === "post" ? stepOf(query) : 0;
  if (by === undefined) return { status: 400, body: { error: `want ?by=N, from 1 to ${MOST}` } };
  return { status: 200, body: { name, count: counters.add(name, by) } };
}

/** Undefined when the query asks for something that is no step. */
function stepOf(query: string | undefined): number | undefined {
  if (query === undefined) return 1;
  const by = Number(/^by=([1-9]\d{0,9})$/.exec(query)?.[1]);
  return by <= MOST ? by : undefined;
}

/** A timer counts what it would have been called for, too. */
export function tick(timer: string, missed: number, counters: Counters): void {
  counters.add(`timer-${timer}`, 1 + missed);
}
