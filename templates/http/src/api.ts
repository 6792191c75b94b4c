// What the API does, as a plain function: it knows neither WIT nor HTTP on the wire.

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface Response {
  readonly status: number;
  readonly body: unknown;
}

/** Values by their keys. */
export interface Values {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  delete(key: string): void;
}

/** GET, PUT and DELETE of /values/KEY; GET / greets. */
export function answer({ method, path, body }: Request, values: Values, greeting: string): Response {
  if (path === "/" && method === "get") return { status: 200, body: { greeting } };
  const key = /^\/values\/([A-Za-z0-9_-]{1,64})$/.exec(path)?.[1];
  if (key === undefined) return { status: 404, body: { error: `there is no ${path}` } };
  switch (method) {
    case "get": {
      const value = values.get(key);
      return value === undefined
        ? { status: 404, body: { error: `there is no value of ${key}` } }
        : { status: 200, body: { key, value } };
    }
    case "put":
      values.set(key, body);
      return { status: 200, body: { key, value: body } };
    case "delete":
      values.delete(key);
      return { status: 200, body: { key } };
    default:
      return { status: 405, body: { error: `want get, put or delete, not ${method}` } };
  }
}
