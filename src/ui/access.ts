// Who may see what. The page has nothing that changes anything; that it stays with the person who started it is all
// that has to be seen to. Another program on this machine may connect, and a page of another origin may have the
// browser connect.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface Asked {
  readonly method: string | undefined;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Refusal {
  readonly status: 400 | 401 | 403 | 405;
  readonly reason: string;
}

/** What needs the token. Page, style and program hold nothing of the device. */
export const DATA_PATH = "/data";

// A name of this machine, with any port: `ssh -L` may have another one at the other end. What DNS says of another
// name does not matter: a page from there would have the browser send that name.
const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/;

/**
 * Undefined when the request is to be answered. The token comes in a header, from where the page keeps it: a cookie would
 * go to whatever listens on any port of this machine.
 */
export function judgeRequest({ method, path, headers }: Asked, token: string): Refusal | undefined {
  if (method !== "GET" && method !== "HEAD") return { status: 405, reason: "nothing can be changed here" };
  const { host, origin, authorization } = headers;
  if (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0") {
    return { status: 400, reason: "want a request without a body" };
  }
  if (host === undefined || !LOOPBACK.test(host)) {
    return { status: 403, reason: "want a name of this machine as the host, such as 127.0.0.1" };
  }
  if (origin !== undefined && origin !== `http://${host}`)
    return { status: 403, reason: "the page is another origin's" };
  if (path !== DATA_PATH) return undefined;
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return { status: 403, reason: "the page is another origin's" };
  }
  const [, given] = /^Bearer ([\w-]{1,100})$/.exec(authorization ?? "") ?? [];
  if (given !== undefined && isSame(given, token)) return undefined;
  return { status: 401, reason: "want the address that `petiole ui` printed: it ends with a key" };
}

/** In the same time, whatever is the same of both. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
