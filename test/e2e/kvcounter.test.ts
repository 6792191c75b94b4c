// Contract: a component counts over HTTP and by a timer, and what it has answered is still so after the agent was killed.

import { describe, test } from "vitest";
import { exampleComponent, startAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { waitFor } from "../support/wait-for.ts";

describe("kvcounter", () => {
  test("counts over HTTP and by a timer, across a power cut", async ({ expect }) => {
    const port = await freePort();
    await using agent = await startAgent({
      components: { counter: { file: exampleComponent("kvcounter") } },
      providers: {
        web: { type: "http-server", config: { listen: `127.0.0.1:${port}` } },
        clock: { type: "timer" },
        store: { type: "keyvalue-sqlite" },
      },
      links: [
        { from: "web", to: "counter", interfaces: ["wasi:http/incoming-handler"] },
        {
          from: "clock",
          to: "counter",
          interfaces: ["petiole:timer/timer-handler"],
          config: { timers: { fast: { every: "20ms" } } },
        },
        { from: "counter", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
      ],
    });
    const ask = async (name: string, method = "GET"): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${port}/counters/${name}`, { method });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
      const { count } = (await response.json()) as { readonly count: number };
      return count;
    };
    expect(await ask("door", "POST")).toBe(1);
    expect(await ask("door", "POST")).toBe(2);
    await waitFor("the timer to count", async () => (await ask("timer-fast")) > 1);
    await agent.stop("SIGKILL");
    await agent.start();
    expect(await ask("door", "POST")).toBe(3);
    const before = await ask("timer-fast");
    await waitFor("the timer to go on", async () => (await ask("timer-fast")) > before);
    const refused = await fetch(`http://127.0.0.1:${port}/counters/door`, { method: "DELETE" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  });
});
