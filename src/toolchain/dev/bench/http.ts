import { reasonOf } from "../../../lib/reason.ts";
import { isRecord, textAfter, wrong, type OpenBench } from "./bench.ts";
import { freePort, portOf } from "./free-port.ts";

const REQUEST_LIMIT_MS = 30_000;
const MOST_SHOWN = 2000;

/** Serves plain HTTP on the loopback interface only: at the port of the manifest if it is free. */
export const openHttpBench: OpenBench = async ({ wanted }) => {
  const raw = isRecord(wanted.config) ? wanted.config : {};
  const { tls: _real, listen, ...rest } = raw;
  const addresses = [listen, ...wanted.links.map((link) => (isRecord(link) ? link["address"] : undefined))].flat();
  const port = await freePort(addresses.map(portOf).find((one) => one !== undefined));
  const base = `http://127.0.0.1:${port}`;

  return {
    id: wanted.id,
    kind: "http",
    type: "http-server",
    config: { ...rest, listen: [`127.0.0.1:${port}`] },
    linkConfig: (config) => {
      const { address: _real, ...others } = isRecord(config) ? config : {};
      return others;
    },
    names: [],
    usage: ["http GET PATH", "http POST PATH BODY"],
    describe: () => [`http ${base}/`],
    async run([method = "", path = ""], line) {
      if (!/^[A-Za-z]{1,16}$/.test(method) || !path.startsWith("/"))
        throw wrong(`Cannot ask "${method} ${path}": want http GET /path`);
      const body = textAfter(line, 3);
      try {
        const response = await fetch(`${base}${path}`, {
          method: method.toUpperCase(),
          signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
          ...(body !== "" && { body }),
        });
        const text = await response.text();
        return `${response.status} ${text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text}`.trimEnd();
      } catch (error) {
        throw wrong(`Cannot ask ${base}${path}: ${reasonOf(error)}`);
      }
    },
    async [Symbol.asyncDispose]() {},
  };
};
