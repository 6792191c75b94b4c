// What a component answered, on its way to the client.

import type { ServerResponse } from "node:http";
import type { HttpFields, HttpResponse } from "#provider";
import type { Exchange } from "./refusal.ts";

/** Without a body, whatever the headers say. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

export function inform(answer: ServerResponse, status: number, headers: HttpFields): void {
  if (answer.headersSent || answer.destroyed) return;
  const link = headers.filter(([name]) => name.toLowerCase() === "link").map(([, value]) => value);
  if (status === 102) answer.writeProcessing();
  // The others say nothing that a client could use, and Node has no way to send them.
  else if (status === 103 && link.length > 0) hint(answer, link);
}

function hint(answer: ServerResponse, link: string[]): void {
  try {
    answer.writeEarlyHints({ link });
  } catch {
    // Node takes only links of a known form. Whoever calls here reads what a worker says: nothing may be thrown there.
  }
}

/** Resolves when all of it was given to the connection. */
export async function send({ asked, answer }: Exchange, response: HttpResponse): Promise<void> {
  const { status, headers, body, trailers } = response;
  const whole = body instanceof Uint8Array;
  const raw: string[] = [];
  const bodiless = BODILESS.has(status);
  let framed = bodiless || asked.method === "HEAD";
  for (const [name, value] of headers) {
    const isLength = name.toLowerCase() === "content-length";
    if (isLength && bodiless) continue;
    raw.push(name, value);
    framed ||= isLength;
  }
  if (whole && !framed && trailers().length === 0) {
    raw.push("content-length", String(body.byteLength));
    framed = true;
  }
  // What is left of the request would be taken for the next one, or has to be read for nothing.
  if (!asked.complete) raw.push("connection", "close");
  // Node takes it for chunked bodies only, and those have trailers only.
  const chunked = !framed && asked.httpVersion !== "1.0";
  answer.writeHead(status, chunked ? raw : without("trailer", raw));
  if (!whole) await pour(body, answer);
  const last = trailers();
  if (last.length > 0 && answer.chunkedEncoding) {
    answer.addTrailers(last.map(([name, value]): [string, string] => [name, value]));
  }
  // A small one with its end, so that it takes one write.
  if (whole && body.byteLength > 0) answer.end(body);
  else answer.end();
}

/** Of names and values in turns. */
function without(name: string, raw: readonly string[]): string[] {
  return raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== name);
}

async function pour(body: AsyncIterable<Uint8Array>, answer: ServerResponse): Promise<void> {
  for await (const chunk of body) {
    if (answer.destroyed) return;
    if (answer.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        answer.off("drain", go);
        answer.off("close", go);
        resolve();
      };
      answer.on("drain", go);
      answer.on("close", go);
    });
  }
}
