// From a request to an answer: finds the route, reads the body, and says what went wrong in statuses of HTTP.

import { errorText } from "../../../../lib/error-text.ts";
import { decodeUtf8 } from "../../../../lib/utf8.ts";
import { faultTag } from "../../common/fault-tag.ts";
import type { HttpAnswer, HttpRequest } from "../../common/http.ts";
import type { Clinic } from "./clinic.ts";
import { parseQuery } from "./query.ts";
import { Refusal } from "./refusal.ts";
import { findRoute } from "./routes.ts";

const MAX_BODY = 16 * 1024;

export interface ApiDeps {
  readonly clinic: Clinic;
  /** Told of what whoever looks after the device should know. */
  readonly warn: (message: string) => void;
}

export function answer(request: HttpRequest, deps: ApiDeps): HttpAnswer {
  try {
    return serve(request, deps.clinic);
  } catch (error) {
    return refuse(toRefusal(error, deps));
  }
}

function serve(request: HttpRequest, clinic: Clinic): HttpAnswer {
  const found = findRoute(request.path);
  if (found === undefined) throw new Refusal(404, "There is nothing at this address");
  const { route, ids } = found;
  const method = request.method === "head" ? "get" : request.method;
  const handler = method === "get" ? route.get : method === "post" ? route.post : undefined;
  if (handler === undefined) {
    const allow = [...(route.get === undefined ? [] : ["GET", "HEAD"]), ...(route.post === undefined ? [] : ["POST"])];
    throw new Refusal(405, `This address takes ${allow.join(", ")}`, { headers: { allow: allow.join(", ") } });
  }
  const query = parseQuery(request.query);
  if (query === undefined) throw new Refusal(400, "The query is not encoded as in addresses");
  const { status, body, location } = handler(clinic, { query, ids, json: () => readJson(request) });
  return write(status, body, location === undefined ? {} : { location });
}

function readJson(request: HttpRequest): unknown {
  // A form of another site could send other types without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.header("content-type") ?? "")) {
    throw new Refusal(415, "Send application/json");
  }
  const bytes = Number(request.header("content-length") ?? 0) > MAX_BODY ? undefined : request.body(MAX_BODY);
  if (bytes === undefined) throw new Refusal(413, `Send at most ${MAX_BODY} bytes`);
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new Refusal(400, "The body is not UTF-8");
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal(400, "The body is not JSON");
  }
}

function toRefusal(error: unknown, { warn }: ApiDeps): Refusal {
  if (error instanceof Refusal) return error;
  const found = errorText(error);
  // The variant `fault` of the domain components; what it says is for whoever asked, but for `unavailable`.
  const tag = faultTag(error);
  const said = found.slice(`${tag ?? ""}: `.length);
  switch (tag) {
    case "missing":
      return new Refusal(404, said);
    case "exists":
      return new Refusal(409, said);
    case "invalid":
      return new Refusal(400, said);
    case "unavailable":
      warn(`The records cannot be reached: ${said}`);
      return new Refusal(503, "The clinic's records cannot be reached now", { headers: { "retry-after": "2" } });
    case undefined:
    default:
      warn(`A request failed: ${found}`);
      return new Refusal(500, "Something went wrong here");
  }
}

const refuse = ({ status, message, fields, headers }: Refusal): HttpAnswer =>
  write(status, { error: message, ...(fields !== undefined && { fields }) }, headers);

const write = (status: number, body: unknown, headers: Readonly<Record<string, string>>): HttpAnswer => ({
  status,
  headers: {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  },
  body: `${JSON.stringify(body)}\n`,
});
