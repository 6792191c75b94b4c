// Requests a second through a component in a worker, with node:http in front of it, against node:http alone.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, type Report } from "../frame.ts";
import { bundleRuntime } from "./bundle.ts";
import { measureHttp } from "./http-load.ts";
import type { HttpRun } from "./http-main.ts";
import { AGENT_FLAGS } from "../../scripts/agent-flags.ts";
import { temporaryFolder } from "./subject.ts";

const ROUNDS = 5;
const LOAD = { connections: 16, milliseconds: 2000 };
export const COMPONENT = fileURLToPath(new URL("../../test/fixtures/components/build/http.wasm", import.meta.url));

export async function reportHttp(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const entry = fileURLToPath(new URL("./http-main.ts", import.meta.url));
  const { main, worker, transpiler } = await bundleRuntime(folder.path, entry);
  const shared = { worker, transpiler, instances: 1, provider: false };
  // What the cache holds is taken whatever glue it has, so each kind has its own.
  const cacheDir = (glue: HttpRun["glue"]): string => join(folder.path, `cache-${glue}`);
  const servers = {
    "plain node:http": { ...shared, component: undefined, glue: "own", cacheDir: cacheDir("own") },
    component: { ...shared, component: COMPONENT, glue: "own", cacheDir: cacheDir("own") },
    "component, glue by jco": { ...shared, component: COMPONENT, glue: "jco", cacheDir: cacheDir("jco") },
  } as const satisfies Record<string, HttpRun>;
  const rates = new Map(Object.keys(servers).map((name) => [name, [] as number[]]));
  // One server at a time, taking turns: there are fewer cores than busy threads.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(servers)) {
      await using server = await startServer(main, run);
      await measureHttp({ ...LOAD, port: server.port, milliseconds: 1000 }); // Warms up.
      rates.get(name)?.push((await measureHttp({ ...LOAD, port: server.port })).rate);
    }
  }
  const of = (name: keyof typeof servers): number => median(rates.get(name) ?? []);
  const plain = of("plain node:http");
  report({ name: "HTTP: plain node:http", value: plain, unit: "req/s" });
  report({
    name: "HTTP: component",
    value: of("component"),
    unit: "req/s",
    ratio: of("component") / plain,
    goal: { of: "ratio", atLeast: 0.5 },
  });
  report({
    name: "HTTP: component, glue by jco",
    value: of("component, glue by jco"),
    unit: "req/s",
    ratio: of("component, glue by jco") / plain,
  });
}

/** Runs http-main.ts as it was bundled. */
export async function startServer(main: string, run: HttpRun): Promise<AsyncDisposable & { readonly port: number }> {
  const child = spawn(process.execPath, [...AGENT_FLAGS, main, JSON.stringify(run)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  const ended = once(child, "exit");
  const [line] = (await Promise.race([
    once(child.stdout, "data"),
    ended.then(([code]) => {
      throw new Error(`The server of the benchmark ended with ${String(code)}`);
    }),
  ])) as [Buffer]; // A stream without encoding gives buffers.
  return {
    port: Number(line.toString()),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
