// Contract: what docs/outbox.md shows of `petiole outbox` and its commands, against an agent as people run it.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { LedgerEntry } from "../../src/domain/outbox.ts";
import type { OutboxReport } from "../../src/domain/outbox-report.ts";
import { outboxJson as json, PETIOLE, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { waitFor } from "../support/wait-for.ts";

type Result = Awaited<ReturnType<typeof petiole>>;

const outbox = async (agent: TestAgent, ...args: readonly string[]): Promise<Result> =>
  await petiole("outbox", ...args, "--socket", agent.socket);

/** Bodies and headers by subject, as the hub's stream holds them. */
async function readHub(hub: TestNats): Promise<{ subject: string; body: string; headers: string[] }[]> {
  await using stack = new AsyncDisposableStack();
  const connection = await connect({ servers: hub.url });
  stack.defer(() => connection.close());
  const manager = await jetstreamManager(connection);
  return (await storedMessages(manager)).map((message) => ({
    subject: message.subject,
    body: message.string(),
    headers: [...message.header].map(([name, values]) => `${name}: ${values.join()}`),
  }));
}

const hubOf = (hub: TestNats) => ({ mode: "direct", urls: [hub.url], stream: { create: true } });

describe("petiole outbox", () => {
  test.for([
    [["--help"], 0, /ledger[^]*publish[^]*pause[^]*resume[^]*drain[^]*export[^]*import/],
    [["publish", "--help"], 0, /--header <name=value>/],
    [["export", "--help"], 0, /--dry-run/],
    [["nonsense"], 2, /too many arguments|unknown command/],
    [["publish"], 2, /missing required argument 'subject'/],
    [["publish", "a", "--lane", "fast"], 2, /Allowed choices are critical/],
    [["publish", "a", "--header", "x"], 2, /want name=value/],
    [["publish", "a", "--ttl", "soon"], 2, /want a duration/],
    [["publish", "a", "--file", "/nowhere"], 2, /cannot read "\/nowhere"/],
    [["export", "f", "--lane", "fast"], 2, /want one of critical/],
    [["ledger", "--limit", "0"], 2, /whole number above 0/],
    [["pause"], 3, /ERR_CONTROL_UNREACHABLE/],
  ] as const)("%j ends with %d when no agent is there", async ([args, code, text], { expect }) => {
    const wherever = args.includes("--help" as never) ? [] : ["--socket", "/nowhere/petiole.sock"];
    const result = await petiole("outbox", ...args, ...wherever);
    expect(result.stdout + result.stderr).toMatch(text);
    expect(result.code).toBe(code);
  });

  test("publishes from a file and from standard input, shows what waits, and names what is wrong", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    await using agent = await startAgent({});
    const body = join(folder.path, "body");
    await writeFile(body, "hot");
    const first = await outbox(agent, "publish", "alarms.boiler", "--lane", "critical", "--file", body);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^durable, sequence \d+\n$/) as string });
    const piped = await spawnProcess("/bin/sh", [
      "-c",
      `printf '\\377\\000' | "${PETIOLE}" outbox publish raw.bytes --lane critical --header Unit=bar --json --socket "${agent.socket}"`,
    ]);
    expect((await piped.exited).code).toBe(0);
    const { outcome, seq } = JSON.parse(piped.output()) as { outcome: string; seq: number };
    expect(outcome).toBe("durable");
    expect(seq).toBeGreaterThan(Number(/\d+/.exec(first.stdout)?.[0]));

    const report = await json<OutboxReport>(agent);
    expect(report).toMatchObject({ paused: false, store: { mode: "disk" }, hub: { link: "disabled" } });
    expect(report.stats.lanes.find(({ lane }) => lane === "critical")).toMatchObject({ rows: 2 });
    expect(report.rates.find(({ lane }) => lane === "critical")?.accepted).toBeGreaterThan(0);
    const text = await outbox(agent);
    expect(text.stdout).toMatch(/hub: none configured\nstore: on disk\n\nLANE .*OLDEST[^]*\ncritical +2 /);

    const header = ["publish", "a", "--header", "Petiole-Seq=1"];
    for (const [args, code] of [
      [["publish", "a..b"], "ERR_LATTICE_MESSAGE"],
      [["publish", "a.*"], "ERR_LATTICE_MESSAGE"],
      [header, "ERR_LATTICE_MESSAGE"],
    ] as const) {
      const refused = await outbox(agent, ...args);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`petiole: ${code}: `) as string });
    }
    expect((await json<OutboxReport>(agent)).stats.lanes.reduce((sum, { rows }) => sum + rows, 0)).toBe(2);
  });

  test("ledger says what was lost, by lane and from an entry on", async ({ expect }) => {
    await using folder = await tempFolder();
    await using agent = await startAgent({ outbox: { max_size: "1MiB" } });
    expect((await outbox(agent, "ledger")).stdout).toBe("nothing was lost\n");
    const body = join(folder.path, "body");
    await writeFile(body, Buffer.alloc(200_000));
    const ledger = async (...args: readonly string[]): Promise<readonly LedgerEntry[]> =>
      (await json<{ entries: readonly LedgerEntry[] }>(agent, "ledger", ...args)).entries;
    await waitFor("the outbox to give something up", async () => {
      await json(agent, "publish", "readings.boiler", "--lane", "standard", "--file", body);
      return (await ledger()).length > 0;
    });
    const [entry] = await ledger();
    expect(entry).toMatchObject({ lane: "standard", reason: "cap" });
    expect(await ledger("--lane", "critical")).toEqual([]);
    expect(await ledger("--since", String(entry?.id))).toEqual([]);
    expect((await outbox(agent, "ledger")).stdout).toMatch(/^ID .*REASON[^]*standard +cap /);
  });

  test("pause keeps messages from the hub, over a restart, until resume; drain waits for them", async ({ expect }) => {
    await using folder = await tempFolder();
    await using hub = await startNats({ jetstream: true });
    await using agent = await startAgent({ hub: hubOf(hub) });
    const body = join(folder.path, "body");
    const publish = async (text: string, ...more: readonly string[]): Promise<void> => {
      await writeFile(body, text);
      await json(agent, "publish", "alarms.boiler", "--lane", "critical", "--file", body, ...more);
    };
    await publish("first", "--header", "Unit=bar");
    await waitFor("the first message", async () => (await readHub(hub)).length === 1);
    expect(await readHub(hub)).toMatchObject([
      {
        subject: "petiole.gw-1.critical.alarms.boiler",
        body: "first",
        headers: expect.arrayContaining(["Unit: bar"]) as string[],
      },
    ]);

    expect((await outbox(agent, "pause")).stdout).toContain("paused");
    await publish("second");
    await agent.stop("SIGKILL");
    await agent.start();
    await publish("third");
    const { paused, stats } = await json<OutboxReport>(agent);
    expect(paused).toBe(true);
    expect(stats.lanes.find(({ lane }) => lane === "critical")?.rows).toBe(2);
    expect((await outbox(agent)).stdout).toContain("forwarding: PAUSED");
    expect((await outbox(agent, "drain")).stdout).toMatch(/critical 2 \(forwarding is PAUSED/);
    // It is connected, and what reaches the hub is in the stream: nothing did.
    await waitFor("the hub link", async () => (await agent.status()).hub.link === "online");
    expect(await readHub(hub)).toHaveLength(1);

    await using draining = await spawnProcess(PETIOLE, ["outbox", "drain", "--wait", "--socket", agent.socket]);
    await waitFor("the drain to show what is left", () => draining.output().includes("critical 2"));
    expect((await outbox(agent, "resume")).code).toBe(0);
    expect((await draining.exited).code).toBe(0);
    expect(draining.output()).toContain("everything that waited is delivered");
    expect((await readHub(hub)).map(({ body }) => body)).toEqual(["first", "second", "third"]);
    const report = await json<OutboxReport>(agent);
    expect(report.paused).toBe(false);
    expect(report.rates.find(({ lane }) => lane === "critical")?.delivered).toBeGreaterThan(0);
    expect(report.forwarder.stream).toBe("PETIOLE");
  });

  test("an asker that goes away ends its drain and nothing else", async ({ expect }) => {
    await using folder = await tempFolder();
    await using agent = await startAgent({});
    const body = join(folder.path, "body");
    await writeFile(body, "hot");
    await json(agent, "publish", "alarms.boiler", "--lane", "critical", "--file", body);
    const draining = await spawnProcess(PETIOLE, ["outbox", "drain", "--wait", "--socket", agent.socket]);
    await waitFor("the drain to show what is left", () => draining.output().includes("critical 1"));
    draining.signal("SIGINT");
    expect((await draining.exited).code).not.toBe(0);
    expect((await json<OutboxReport>(agent)).stats.lanes.find(({ lane }) => lane === "critical")?.rows).toBe(1);
    await using waiting = await spawnProcess(PETIOLE, ["outbox", "drain", "--wait", "--socket", agent.socket]);
    await waitFor("the drain to show what is left", () => waiting.output().includes("critical 1"));
    // And none keeps the agent from stopping.
    expect(await agent.stop("SIGTERM")).toBe(0);
    expect((await waiting.exited).code).toBe(3);
    expect(await readdir(folder.path)).toEqual(["body"]);
  });
});
