import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PetioleError } from "../../domain/errors.ts";
import type { MetricFamily } from "../../domain/metrics.ts";
import { formatPrometheus } from "../../lib/metrics.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface MetricsServerDeps {
  /** `host:port`, of the loopback interface: nobody has to log in. */
  readonly listen: string;
  readonly read: () => Promise<readonly MetricFamily[]>;
}

export interface MetricsServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves `GET /metrics` to a Prometheus on this device.
 * @throws PetioleError ERR_METRICS_LISTEN
 */
export async function openMetricsServer({ listen, read }: MetricsServerDeps): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method !== "GET" || request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    const page = async (): Promise<string> => formatPrometheus(await read());
    page().then(
      (text) => {
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
        response.end(text);
      },
      () => response.writeHead(503).end(),
    );
  });
  server.maxConnections = 8;
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  const colon = listen.lastIndexOf(":");
  try {
    server.listen(Number(listen.slice(colon + 1)), listen.slice(0, colon).replace(/^\[|\]$/g, ""));
    await once(server, "listening");
  } catch (cause) {
    throw new PetioleError("ERR_METRICS_LISTEN", `Cannot serve metrics on "${listen}": ${reasonOf(cause)}`, { cause });
  }
  // A connection that cannot be accepted: the next scrape may find room.
  server.on("error", () => {});
  return {
    // An address: it listens on a port.
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
