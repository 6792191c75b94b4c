// Contract: messages of a device without a link reach the hub through a file and a neighbour, each once, in order, and
// with their origin; whatever is killed on the way.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import type { LedgerEntry } from "../../src/domain/outbox.ts";
import type { ExportReport, ImportReport, OutboxReport } from "../../src/domain/outbox-report.ts";
import { outboxJson as json, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { tempFolder } from "../support/processes.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { waitFor } from "../support/wait-for.ts";

const COUNT = 25;

const waiting = async (agent: TestAgent): Promise<number> =>
  (await json<OutboxReport>(agent)).stats.lanes.reduce((sum, { rows }) => sum + rows, 0);

async function readHub(hub: TestNats): Promise<{ subject: string; body: string; origin: string }[]> {
  await using stack = new AsyncDisposableStack();
  const connection = await connect({ servers: hub.url });
  stack.defer(() => connection.close());
  const manager = await jetstreamManager(connection);
  return (await storedMessages(manager)).map((message) => ({
    subject: message.subject,
    body: message.string(),
    origin: message.header.get("Origin-Petiole"),
  }));
}

test("messages reach the hub through a file and a neighbour, once", async ({ expect }) => {
  await using folder = await tempFolder();
  await using hub = await startNats({ jetstream: true });
  await using lonely = await startAgent({});
  const body = join(folder.path, "body");
  for (let n = 0; n < COUNT; n += 1) {
    await writeFile(body, `reading ${n}`);
    await json(lonely, "publish", `readings.${n % 3}`, "--lane", n % 2 ? "critical" : "standard", "--file", body);
  }
  const file = join(folder.path, "gw-1.outbox");
  expect(await json<ExportReport>(lonely, "export", file, "--dry-run")).toMatchObject({ rows: COUNT, dryRun: true });
  expect(await waiting(lonely)).toBe(COUNT);
  const exported = await json<ExportReport>(lonely, "export", file);
  expect(exported).toMatchObject({ rows: COUNT, completed: false });
  expect(await waiting(lonely)).toBe(0);
  const { entries } = await json<{ entries: LedgerEntry[] }>(lonely, "ledger");
  expect(entries.filter(({ reason }) => reason === "exported").reduce((sum, { count }) => sum + count, 0)).toBe(COUNT);

  // As if the power had gone before the file got its name.
  await lonely.stop("SIGKILL");
  await rename(file, `${file}.partial`);
  await lonely.start();
  expect(await json<ExportReport>(lonely, "export", file)).toMatchObject({ rows: COUNT, completed: true });

  await using neighbour = await startAgent({
    device: { id: "gw-2" },
    hub: { mode: "direct", urls: [hub.url], stream: { create: true } },
  });
  const imported = await json<ImportReport>(neighbour, "import", file);
  expect(imported).toMatchObject({ id: exported.id, device: "gw-1", rows: COUNT, imported: COUNT });
  await waitFor("the hub to have everything", async () => (await readHub(hub)).length >= COUNT);
  const messages = await readHub(hub);
  expect(messages).toHaveLength(COUNT);
  for (const lane of ["critical", "standard"]) {
    const bodies = messages.filter(({ subject }) => subject.startsWith(`petiole.gw-2.${lane}.`)).map((one) => one.body);
    const wanted = Array.from({ length: COUNT }, (_, n) => n).filter((n) => (n % 2 === 1) === (lane === "critical"));
    expect(bodies).toEqual(wanted.map((n) => `reading ${n}`));
  }
  expect(messages.every(({ origin }) => origin.startsWith("device=gw-1;store="))).toBe(true);
  expect(new Set(messages.map(({ origin }) => origin)).size).toBe(COUNT);

  const again = await petiole("outbox", "import", file, "--socket", neighbour.socket);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("ERR_EXPORT_IMPORTED") as string });
  const back = await json<ImportReport>(lonely, "import", file);
  expect(back).toMatchObject({ imported: COUNT });
  expect(await waiting(lonely)).toBe(COUNT);
});
