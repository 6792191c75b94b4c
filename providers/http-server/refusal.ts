// What a client is told when no component answers it.

import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import { MAX_INLINE_BODY, isPetioleError, type PetioleError } from "#provider";
import { bodyLength } from "./request-body.ts";

const TEXTS = {
  400: "The request is not HTTP as this server takes it",
  404: "Nothing is served at this host and path",
  405: "Nothing at this path takes the method",
  408: "The request did not come in time",
  413: "The body of the request is too long",
  431: "The header of the request is too long",
  500: "What serves this failed",
  502: "What serves this gave no usable answer",
  503: "What serves this takes no more requests now, or is being replaced",
  504: "What serves this took too long",
} as const;
export type RefusalStatus = keyof typeof TEXTS;

const UNAVAILABLE = 503;

/** Other failures of the environment that may pass are 503, and the rest is 500. */
const STATUS: Partial<Record<PetioleError["code"], RefusalStatus>> = {
  ERR_COMPONENT_RESPONSE: 502,
  ERR_COMPONENT_DEADLINE: 504,
};

/** What a failed call is to the client. */
export function statusOf(error: unknown): RefusalStatus {
  if (!isPetioleError(error)) return 500;
  return STATUS[error.code] ?? (error.kind === "environment" && error.retryable ? UNAVAILABLE : 500);
}

const bodyOf = (status: RefusalStatus): string => `${status} ${STATUS_CODES[status] ?? ""}: ${TEXTS[status]}\n`;

export interface Exchange {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
}

/** A response that has begun can only be broken off. */
export function refuse(
  { asked, answer }: Exchange,
  status: RefusalStatus,
  more: { readonly headers?: readonly string[]; readonly close?: boolean } = {},
): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  const text = bodyOf(status);
  const headers = ["content-type", "text/plain; charset=utf-8", "content-length", String(text.length)];
  if (status === UNAVAILABLE) headers.push("retry-after", "1");
  if (more.close === true || !isRestShort(asked)) headers.push("connection", "close");
  answer.writeHead(status, [...headers, ...(more.headers ?? [])]);
  answer.end(asked.method === "HEAD" ? undefined : text);
}

/** What is left of the request is read for nothing when that is little; else the connection ends. */
const isRestShort = (asked: IncomingMessage): boolean =>
  asked.complete || (bodyLength(asked) ?? Infinity) <= MAX_INLINE_BODY;

/** The same as bytes, for what is no request that Node knows. */
export function rawRefusal(status: RefusalStatus): string {
  const text = bodyOf(status);
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
    `content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`
  );
}
