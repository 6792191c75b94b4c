import { createServer } from "node:net";
import { once } from "node:events";

/** A loopback port that was free a moment ago. Prefer port 0 where the server under test can report what it got. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("the probe listens on no port");
  return address.port;
}
