// Which file an address stands for. Every view of the page has an address of its own, and the same document behind it.

import type { HttpAnswer, HttpRequest } from "../../common/http.ts";
import { findView } from "../../common/views.ts";

export interface PageFiles {
  readonly html: string;
  readonly script: string;
  readonly style: string;
  readonly icon: string;
}

interface SiteFile {
  readonly type: string;
  readonly text: string;
  readonly tag: string;
}

/** Only what comes from here is loaded, run or asked; nothing can frame the page or send its forms elsewhere. */
const POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "img-src", "connect-src"].map((kind) => `${kind} 'self'`),
  ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // Asked for anew each time; the answer is short while nothing has changed.
  "cache-control": "no-cache",
};

export function createSite({ html, script, style, icon }: PageFiles): (request: HttpRequest) => HttpAnswer {
  const file = (type: string, text: string): SiteFile => ({ type, text, tag: `"${hash(text)}"` });
  const document = file("text/html; charset=utf-8", html);
  const files: ReadonlyMap<string, SiteFile> = new Map([
    ["/app.js", file("text/javascript; charset=utf-8", script)],
    ["/style.css", file("text/css; charset=utf-8", style)],
    ["/icon.svg", file("image/svg+xml", icon)],
  ]);
  return (request) => {
    if (request.method !== "get" && request.method !== "head") {
      return { status: 405, headers: { ...HEADERS, allow: "GET, HEAD" }, body: "" };
    }
    const found = files.get(request.path);
    // The page says itself that there is nothing.
    const status = found !== undefined || findView(request.path) !== undefined ? 200 : 404;
    const { type, text, tag } = found ?? document;
    const headers = { ...HEADERS, "content-type": type, etag: tag };
    if (status === 200 && request.header("if-none-match") === tag) return { status: 304, headers, body: "" };
    return { status, headers, body: text };
  };
}

/** FNV-1a: tells versions of a file apart, and keeps no secret. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return `${(value >>> 0).toString(16)}-${text.length}`;
}
