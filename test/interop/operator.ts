// What the operator of wasmCloud 2.x does with a host, by Go's own protobuf and NATS libraries, against an agent.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BARE, startOperatorRig } from "../conformance/lattice-v2/support.ts";
import { interop } from "./report.ts";

const SOURCE = join(import.meta.dirname, "operator");
const TARGET = process.env["PETIOLE_INTEROP_TARGET"] ?? join(homedir(), ".cache", "petiole", "interop");

function build(): string {
  mkdirSync(TARGET, { recursive: true });
  const program = join(TARGET, "operator");
  console.log(`building the peer in ${TARGET}`);
  const { status, error } = spawnSync("go", ["build", "-o", program, "."], { cwd: SOURCE, stdio: "inherit" });
  if (status !== 0) throw new Error("go cannot build the peer", { cause: error });
  return program;
}

await interop("operator", async ({ step, check }) => {
  const program = build();
  await using rig = await startOperatorRig({ operator: { labels: { zone: "edge" }, heartbeat: "2s" } });
  step(`nats-server ${rig.hub.version} at ${rig.hub.url}, petiole ${(await rig.agent.status()).version}`);
  const peer = spawn(program, [rig.hub.url, BARE], { stdio: ["pipe", "pipe", "inherit"] });
  using _ended = { [Symbol.dispose]: () => peer.kill() };
  const exited = once(peer, "exit");
  for await (const line of createInterface(peer.stdout)) {
    if (line !== "@restart") {
      step(line);
      continue;
    }
    await rig.agent.stop("SIGKILL");
    await rig.agent.start();
    peer.stdin.write("\n");
  }
  const [code] = (await exited) as [number | null];
  check("the operator's part ended without a complaint", code === 0, { code });
});
