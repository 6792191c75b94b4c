// HTTP by hand, for what clients should not do.

import { connect, type Socket } from "node:net";
import { waitFor } from "./wait-for.ts";

export interface RawClient {
  readonly socket: Socket;
  /** What has come so far. */
  received(): string;
  /** Resolves with what came before the connection was closed. */
  readonly end: Promise<string>;
}

/** Sends `bytes`, and nothing more by itself. */
export function rawClient(target: number | string, bytes = ""): RawClient {
  const socket = typeof target === "number" ? connect(target, "127.0.0.1") : connect(target);
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
  // A reset is an end, too.
  socket.on("error", () => {});
  const end = new Promise<string>((resolve) => socket.on("close", () => resolve(received)));
  if (bytes !== "") socket.write(bytes);
  return { socket, received: () => received, end };
}

/** The head of a request, with its end. */
export const head = (line: string, ...headers: readonly string[]): string =>
  [`${line} HTTP/1.1`, "host: a", ...headers, "", ""].join("\r\n");

/** Sends one request on a connection of its own and gives the whole response as text. */
export async function rawRequest(
  target: number | string,
  line: string,
  ...headers: readonly string[]
): Promise<string> {
  return await rawClient(target, head(line, "connection: close", ...headers)).end;
}

/** Waits until `count` responses of status 200 have come. */
export async function untilAnswered(client: RawClient, count: number): Promise<void> {
  await waitFor(`${count} responses`, () => client.received().split("HTTP/1.1 200").length > count);
}
