// A component behind the provider http-server, with its limits, routes and timeouts, against node:http alone and against
// the least that puts a component behind node:http.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, quantile, type Report } from "../frame.ts";
import { bundleRuntime } from "../runtime/bundle.ts";
import { measureHttp, type HttpFigures } from "../runtime/http-load.ts";
import type { HttpRun } from "../runtime/http-main.ts";
import { COMPONENT, startServer } from "../runtime/http.ts";
import { temporaryFolder } from "../runtime/subject.ts";

const ROUNDS = 5;
const LOAD = { connections: 16, milliseconds: 2000 };

export async function reportHttpServer(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const entry = fileURLToPath(new URL("../runtime/http-main.ts", import.meta.url));
  const { main, worker, transpiler } = await bundleRuntime(folder.path, entry);
  const shared = { worker, transpiler, instances: 1, glue: "own", cacheDir: join(folder.path, "cache") } as const;
  const servers = {
    "plain node:http": { ...shared, component: undefined, provider: false },
    "component behind node:http": { ...shared, component: COMPONENT, provider: false },
    "component behind http-server": { ...shared, component: COMPONENT, provider: true },
  } as const satisfies Record<string, HttpRun>;
  const found = new Map<string, HttpFigures[]>();
  // One server at a time, taking turns: there are fewer cores than busy threads.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(servers)) {
      await using server = await startServer(main, run);
      await measureHttp({ ...LOAD, port: server.port, milliseconds: 1000 }); // Warms up.
      found.set(name, [...(found.get(name) ?? []), await measureHttp({ ...LOAD, port: server.port })]);
    }
  }
  const figures: readonly [string, string, (one: HttpFigures) => number][] = [
    ["rate", "req/s", ({ rate }) => rate],
    ["p50", "ms", ({ times }) => quantile(times, 0.5)],
    ["p99", "ms", ({ times }) => quantile(times, 0.99)],
  ];
  for (const [figure, unit, of] of figures) {
    const values = [...found].map(([name, rounds]) => ({ name, value: median(rounds.map(of)) }));
    const [plain] = values;
    for (const { name, value } of values) {
      const ratio = name === plain?.name ? {} : { ratio: value / (plain?.value ?? Number.NaN) };
      report({ name: `${name}: ${figure}`, value, unit, ...ratio });
    }
  }
}
