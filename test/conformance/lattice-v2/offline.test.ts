// Contract: what the operator asked for is on the device. It runs after a restart and without the hub, from the bytes that it
// was started with; the operator finds its workloads as it left them, and what was stopped stays so.

import { randomUUID } from "node:crypto";
import { test } from "vitest";
import { waitFor } from "../../support/wait-for.ts";
import { NOT_FOUND, RUNNING, startOperatorRig, STOPPING, workload, type OperatorRig } from "./support.ts";

const states = async (rig: OperatorRig): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(((await rig.agent.status()).operator?.workloads ?? []).map(({ id, state }) => [id, state]));

test("a device without a hub boots into its workloads, and the operator finds them", async ({ expect }) => {
  await using rig = await startOperatorRig();
  const [kept, stopped] = [randomUUID(), randomUUID()];
  for (const id of [kept, stopped])
    expect(await rig.start(workload({ name: id }), id)).toMatchObject({ workloadState: RUNNING });
  expect(await rig.stop(stopped)).toMatchObject({ workloadState: STOPPING });

  await rig.hub.kill();
  await rig.agent.stop("SIGKILL");
  await rig.agent.start();
  await waitFor("the workload without a hub", async () => (await states(rig))[kept] === "running");
  expect(await states(rig)).toEqual({ [kept]: "running" });
  expect((await rig.agent.status()).operator?.state).toBe("connecting");

  await rig.hub.restart();
  // Another boot, so that nobody waits for the pause between two tries to reach the hub.
  await rig.agent.stop("SIGTERM");
  await rig.agent.start();
  await waitFor("the host to answer", () => rig.heartbeat());
  expect(await rig.status(kept)).toMatchObject({ workloadState: RUNNING });
  expect(await rig.status(stopped)).toMatchObject({ workloadState: NOT_FOUND });
  expect((await rig.agent.status()).operator).toMatchObject({ state: "heard", host: "gw-1" });
});

test("a workload whose image is not there yet starts when it is", async ({ expect }) => {
  await using rig = await startOperatorRig();
  const id = randomUUID();
  const missing = { name: "late", image: "nats-object://components/late.wasm" };
  expect((await rig.start(workload({ components: [missing] }), id)).message).toMatch(/ERR_ARTIFACT_NOT_FOUND/);
  // The wish outlives a restart.
  await rig.agent.stop("SIGKILL");
  await rig.agent.start();
  await waitFor("the host to answer", () => rig.heartbeat());
  await rig.put("late.wasm", "bare");
  await rig.reach(id, RUNNING);
});
