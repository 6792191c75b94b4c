import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** `wanted` when nobody has that port of the loopback interface, else one that nobody has. Free a moment ago, at least. */
export async function freePort(wanted?: number): Promise<number> {
  return (wanted === undefined ? undefined : await probe(wanted)) ?? (await probe(0)) ?? 0;
}

async function probe(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return undefined;
  }
  const { port: found } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return found;
}

/** Of `host:port`. */
export function portOf(address: unknown): number | undefined {
  const port = typeof address === "string" ? Number(/:(\d{1,5})$/.exec(address)?.[1] ?? Number.NaN) : Number.NaN;
  return port > 0 && port < 65_536 ? port : undefined;
}
