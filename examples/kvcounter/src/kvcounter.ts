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

const COUNTER = /^\/counters\/([A-Za-z0-9_-]{1,64})$/;

/** `GET /counters/NAME` tells, `POST /counters/NAME` counts. */
export function answer({ method, path }: Request, counters: Counters): Answer {
  const [, name] = COUNTER.exec(path.split("?", 1)[0] ?? "") ?? [];
  if (name === undefined) return { status: 404, body: { error: "want /counters/NAME" } };
  if (method !== "get" && method !== "head" && method !== "post") {
    return { status: 405, body: { error: "want GET or POST" }, allow: "GET, HEAD, POST" };
  }
  return { status: 200, body: { name, count: counters.add(name, method === "post" ? 1 : 0) } };
}

/** A timer counts what it would have been called for, too. */
export function tick(timer: string, missed: number, counters: Counters): void {
  counters.add(`timer-${timer}`, 1 + missed);
}
