// Contract: an agent that has nothing to do has loaded nothing for what it does not do. What is loaded costs every start
// time, and the device memory for as long as it runs.

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { cannotBuild, hostBuild } from "../support/binary.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const reason = cannotBuild();

/** Of our sources and of packages: each beginning of a name, and what it would be loaded for. */
const UNUSED: Readonly<Record<string, string>> = {
  zod: "checking what comes from outside",
  yaml: "reading a configuration that was read before",
  "config.schema": "the same",
  commander: "people at the command line",
  "nats-io": "a hub",
  mqtt: "the provider mqtt",
  aedes: "its broker",
  serialport: "the provider serial",
  pg: "the provider sql-postgres",
  ws: "websockets",
  "providers.": "any provider",
  "adapters.lattice.wasmcloud": "a lattice",
  "adapters.lattice.operator": "an operator",
  "adapters.lattice.wrpc": "components on other hosts",
  "adapters.artifacts.oci": "an image",
  "adapters.leaf": "a nats-server",
  "runtime.binary": "reading a component",
  "runtime.link": "linking one",
  "runtime.prepare.prepare": "preparing one",
  "runtime.aot.ahead": "compiling ahead of time",
  "enrolment.": "enrolling",
  "fleet.": "a fleet",
  "oam.": "applications",
  "trust.judge": "trust",
};
const USED = ["providers.index"];
/** Parts of Node. */
const UNUSED_PARTS = ["http", "https", "http2", "tls", "inspector", "sqlite", "internal/deps/undici/undici"];
/** Sources and packages in all; 132 when this was written. */
const MOST = 170;

const START_LIMIT_MS = 60_000;

/** Writes down which chunks and which parts of Node the main thread has loaded. */
const recorder = (file: string): string => `
const { isMainThread } = require("node:worker_threads");
if (isMainThread) {
  const vm = require("node:vm");
  const { compileFunction } = vm;
  const chunks = [];
  vm.compileFunction = (code, names, options) => {
    chunks.push(options.filename);
    return compileFunction(code, names, options);
  };
  const write = () => require("node:fs").writeFileSync(${JSON.stringify(file)}, JSON.stringify({ chunks, parts: process.moduleLoadList }));
  process.on("SIGUSR2", write);
}`;

describe.skipIf(skipping(reason !== undefined, "what the idle agent loads", reason ?? ""))("the idle agent", () => {
  test("loads what it uses and nothing else", async ({ expect }) => {
    await using folder = await tempFolder();
    const [script, record] = [join(folder.path, "record.cjs"), join(folder.path, "loaded.json")];
    await writeFile(script, recorder(record));
    const program = join(await hostBuild(), "petiole");
    const config = join(folder.path, "petiole.yaml");
    const folders = ["state", "cache", "runtime"].map((name) => `${name}_dir: ${join(folder.path, name)}`);
    await writeFile(config, ["device: { id: gw-1 }", "store: { volatile: accept }", ...folders, ""].join("\n"));
    const args = [`--node-options=--require=${script}`, "run", "--config", config];
    // Not asked for its status: that would load what answers.
    {
      await using first = await spawnProcess(program, args);
      await waitFor("the agent to be ready", () => first.output().includes("Agent is ready"), START_LIMIT_MS);
      // By now it has read the configuration for the next one, too.
      await waitFor("the configuration to be kept", () => existsSync(join(folder.path, "state", "config.kept")));
    }
    await using agent = await spawnProcess(program, args);
    await waitFor("the agent to be ready", () => agent.output().includes("Agent is ready"), START_LIMIT_MS);
    agent.signal("SIGUSR2");
    const { chunks, parts } = await waitFor("the record", async () => {
      return JSON.parse(await readFile(record, "utf8")) as { readonly chunks: string[]; readonly parts: string[] };
    });
    const loaded = chunks.filter((name) => !USED.some((one) => name.startsWith(one)));
    const unused = loaded.flatMap((name) => {
      const found = Object.entries(UNUSED).find(([start]) => name.startsWith(start));
      return found === undefined ? [] : [`${name}, which is for ${found[1]}`];
    });
    expect(unused).toEqual([]);
    expect(UNUSED_PARTS.filter((name) => parts.includes(`NativeModule ${name}`))).toEqual([]);
    expect(chunks.length).toBeGreaterThan(50);
    expect(chunks.length).toBeLessThan(MOST);
  });
});
