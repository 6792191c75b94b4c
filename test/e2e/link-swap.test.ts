// Contract: `petiole link swap` moves a component to another provider while it is called. Every call is answered and counted
// once, the swap holds over a restart, and a swap that cannot be made leaves all as it was.

import { describe, test } from "vitest";
import { askAgent } from "../../src/adapters/control/client.ts";
import type { LinkSwapParams } from "../../src/adapters/control/protocol.ts";
import type { LinkSwapReport, LinksReport } from "../../src/domain/link-swap.ts";
import { seconds } from "../../src/domain/units.ts";
import { exampleComponent, petiole, startAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { waitFor } from "../support/wait-for.ts";

const CLIENTS = 2;

describe("petiole link", () => {
  test("swaps the store of a component that counts, loses no count and fails no request", async ({ expect }) => {
    const port = await freePort();
    await using agent = await startAgent({
      components: { counter: { file: exampleComponent("kvcounter"), max_instances: CLIENTS } },
      providers: {
        web: { type: "http-server", config: { listen: `127.0.0.1:${port}` } },
        clock: { type: "timer" },
        disk: { type: "keyvalue-sqlite" },
        memory: { type: "keyvalue-memory" },
      },
      links: [
        { from: "web", to: "counter", interfaces: ["wasi:http/incoming-handler"] },
        { from: "clock", to: "counter", interfaces: ["petiole:timer/timer-handler"] },
        { from: "counter", to: "disk", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
      ],
    });
    const ask = async (method: string): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${port}/counters/door`, { method });
      expect(response.status).toBe(200);
      return ((await response.json()) as { readonly count: number }).count;
    };
    const cli = async (...args: readonly string[]): ReturnType<typeof petiole> =>
      await petiole("link", ...args, "--socket", agent.socket);
    const swap = async (more: Partial<LinkSwapParams>): Promise<LinkSwapReport> => {
      const params = { component: "counter", to: "memory", dryRun: false, ...more };
      return await askAgent(agent.socket, "link-swap", { params, timeout: seconds(60) });
    };
    const links = async (): Promise<LinksReport> => await askAgent(agent.socket, "links");

    const counting = new AbortController();
    let counted = 0;
    const count = async (): Promise<void> => {
      while (!counting.signal.aborted) {
        await ask("POST");
        counted += 1;
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, count));
    const more = async (): Promise<unknown> => {
      const before = counted;
      return await waitFor("requests to be answered", () => counted > before + CLIENTS);
    };

    await more();
    expect(await swap({ dryRun: true })).toMatchObject({ dryRun: true, moves: [{ from: "disk", to: "memory" }] });
    expect((await links()).links).toContainEqual(expect.objectContaining({ target: "disk", state: "bound" }));
    expect(await cli("swap", "counter", "--to", "memory")).toMatchObject({ code: 0, stderr: "" });
    for (const to of ["disk", "memory"]) {
      await more();
      await swap({ to });
    }
    await more();
    counting.abort();
    await clients;

    const inMemory = await ask("GET");
    expect((await cli("reset", "counter")).stdout).toContain("memory → disk");
    const onDisk = await ask("GET");
    expect([inMemory + onDisk, inMemory > 0, onDisk > 0]).toEqual([counted, true, true]);

    const twice = await cli("reset", "counter");
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("ERR_LINK_UNKNOWN")]);
    for (const [params, code] of [
      [{ to: "nobody" }, "ERR_LINK_UNKNOWN"],
      [{ to: "clock", from: "disk" }, "ERR_LINK_INVALID"],
      [{ config: { colour: "red" } }, "ERR_PROVIDER_CONFIG"],
    ] as const) {
      await expect(swap(params)).rejects.toMatchObject({ code });
    }
    expect(await ask("GET")).toBe(onDisk);

    await cli("swap", "counter", "--to", "memory", "--link-config", "namespace: other");
    expect(await ask("POST")).toBe(1);
    expect(await agent.stop("SIGKILL")).toBe(null);
    await agent.start();
    expect((await links()).links).toContainEqual(
      expect.objectContaining({ source: "counter", target: "memory", insteadOf: "disk" }),
    );
    expect(await ask("POST")).toBe(1);
    expect((await cli("list")).stdout).toMatch(/counter +memory +.*bound +disk/);
  });
});
