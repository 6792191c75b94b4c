// What every outbox does, on disk or in memory: the contract of Outbox and OutboxSource.

import { describe, test } from "vitest";
import type { Store } from "../../src/adapters/store/index.ts";
import type { Lane, LaneStats, OutboxMessage, OutboxRow, OutboxStats } from "../../src/domain/outbox.ts";
import { bytes, kibibytes, type Bytes } from "../../src/domain/units.ts";

export interface OutboxSubject {
  readonly name: string;
  open(options: { readonly maxBytes: Bytes; readonly maxMessage: Bytes }): Promise<Store>;
}

const WINDOW = { rows: 1000, bytes: kibibytes(1024) };

export function message(lane: Lane, text = "reading", subject = "readings.boiler"): OutboxMessage {
  return { lane, subject, body: new TextEncoder().encode(text), headers: {} };
}

export function laneOf(stats: OutboxStats, lane: Lane): LaneStats {
  const found = stats.lanes.find((entry) => entry.lane === lane);
  if (found === undefined) throw new Error(`No statistics of lane "${lane}"`);
  return found;
}

export const textOf = (row: OutboxRow): string => new TextDecoder().decode(row.body);

export function outboxSuite(subject: OutboxSubject): void {
  const open = (options: { readonly maxBytes?: Bytes; readonly maxMessage?: Bytes } = {}): Promise<Store> =>
    subject.open({ maxBytes: kibibytes(256), maxMessage: kibibytes(32), ...options });

  describe(`${subject.name} outbox`, () => {
    test("publish() says what it can promise for each lane", async ({ expect }) => {
      await using store = await open();
      expect(await store.outbox.publish(message("critical"))).toMatchObject({ outcome: "durable" });
      expect(await store.outbox.publish(message("standard"))).toMatchObject({ outcome: "buffered" });
    });

    test("read() returns messages as they were published", async ({ expect }) => {
      await using store = await open();
      const published: OutboxMessage = {
        lane: "standard",
        subject: "readings.größe",
        body: new Uint8Array([0, 255, 128, 10]),
        headers: { unit: "°C", "": "empty name", "two words": "" },
      };
      await store.outbox.publish(published);
      await store.flush();
      const [row] = await store.outbox.read("standard", 0, WINDOW);
      expect(row).toMatchObject({ lane: "standard", subject: "readings.größe", headers: published.headers });
      expect([...(row?.body ?? [])]).toEqual([0, 255, 128, 10]);
      expect(row?.bootId).toMatch(/^[0-9a-f-]{36}$/);
      expect(row?.wall).toBeGreaterThan(0);
      expect(row?.monotonic).toBeGreaterThanOrEqual(0);
    });

    test("read() returns an empty body as such", async ({ expect }) => {
      await using store = await open();
      await store.outbox.publish(message("critical", ""));
      const rows = await store.outbox.read("critical", 0, WINDOW);
      expect(rows.map((row) => row.body.byteLength)).toEqual([0]);
    });

    test("refuse() deletes the one row and writes it down", async ({ expect }) => {
      await using store = await open();
      for (const text of ["a", "b", "c"]) await store.outbox.publish(message("critical", text));
      const [, second] = await store.outbox.read("critical", 0, WINDOW);
      const seq = second?.seq ?? 0;
      await store.outbox.refuse("critical", seq);
      await store.outbox.refuse("critical", seq);
      expect((await store.outbox.read("critical", 0, WINDOW)).map(textOf)).toEqual(["a", "c"]);
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "critical", from: seq, to: seq, count: 1, reason: "refused" },
      ]);
      expect(laneOf(await store.outbox.stats(), "critical")).toMatchObject({ rows: 2, dropped: 1 });
    });

    test("publish() takes a copy: later changes to the body do not matter", async ({ expect }) => {
      await using store = await open();
      const body = new TextEncoder().encode("before");
      const published = store.outbox.publish({ ...message("standard"), body });
      body.fill(120);
      await published;
      await store.flush();
      expect((await store.outbox.read("standard", 0, WINDOW)).map(textOf)).toEqual(["before"]);
    });

    test("publish() keeps the order of its calls, also when nobody awaits them", async ({ expect }) => {
      await using store = await open();
      const texts = Array.from({ length: 300 }, (_, index) => `n${index}`);
      await Promise.all(
        texts.map((text, index) => store.outbox.publish(message(index % 3 ? "standard" : "critical", text))),
      );
      await store.flush();
      const rows = await Promise.all(
        (["critical", "standard"] as const).map((lane) => store.outbox.read(lane, 0, WINDOW)),
      );
      for (const [index, found] of rows.entries()) {
        expect(found.map(textOf)).toEqual(texts.filter((_, at) => (at % 3 === 0) === (index === 0)));
      }
      const sequences = rows.flat().map((row) => row.seq);
      expect(new Set(sequences).size).toBe(300);
      for (const found of rows)
        expect(found.map((row) => row.seq)).toEqual(found.map((row) => row.seq).sort((a, b) => a - b));
    });

    test("publish() refuses a message above the limit with ERR_OUTBOX_TOO_LARGE", async ({ expect }) => {
      await using store = await open({ maxMessage: bytes(100) });
      const publish = (size: number): Promise<unknown> =>
        store.outbox.publish(message("critical", "x".repeat(size), "s"));
      // Subject, headers ("{}") and body count.
      await expect(publish(97)).resolves.toMatchObject({ outcome: "durable" });
      await expect(publish(98)).rejects.toMatchObject({ code: "ERR_OUTBOX_TOO_LARGE" });
    });

    test("publish() refuses a message that the whole outbox cannot hold", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(8), maxMessage: kibibytes(64) });
      const large = message("standard", "x".repeat(9000));
      await expect(store.outbox.publish(large)).rejects.toMatchObject({ code: "ERR_OUTBOX_TOO_LARGE" });
    });

    test("read() gives a window after a sequence, bounded by rows and about by bytes", async ({ expect }) => {
      await using store = await open();
      for (let n = 1; n <= 10; n += 1) await store.outbox.publish(message("standard", `${n}`.repeat(100)));
      await store.flush();
      const all = await store.outbox.read("standard", 0, WINDOW);
      const third = all[2]?.seq ?? 0;
      const next = await store.outbox.read("standard", third, { rows: 2, bytes: kibibytes(64) });
      expect(next.map((row) => row.seq)).toEqual([all[3]?.seq, all[4]?.seq]);
      // One row is always given, or a large one would block the lane.
      expect(await store.outbox.read("standard", 0, { rows: 10, bytes: bytes(1) })).toHaveLength(1);
      expect((await store.outbox.read("standard", 0, { rows: 10, bytes: bytes(350) })).length).toBeLessThan(5);
      expect(await store.outbox.read("standard", all.at(-1)?.seq ?? 0, WINDOW)).toEqual([]);
      expect(await store.outbox.read("critical", 0, WINDOW)).toEqual([]);
    });

    test("acknowledge() ends rows up to a sequence, in its lane only", async ({ expect }) => {
      await using store = await open();
      for (const lane of ["standard", "critical", "standard", "critical"] as const) {
        await store.outbox.publish(message(lane));
      }
      await store.flush();
      const [first, second] = await store.outbox.read("standard", 0, WINDOW);
      await store.outbox.acknowledge("standard", first?.seq ?? 0);
      expect((await store.outbox.read("standard", 0, WINDOW)).map((row) => row.seq)).toEqual([second?.seq]);
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(2);
      expect(await store.outbox.acknowledged("standard")).toBe(first?.seq);
      expect(await store.outbox.acknowledged("critical")).toBe(0);
      const stats = laneOf(await store.outbox.stats(), "standard");
      expect(stats).toMatchObject({ rows: 1, acknowledged: first?.seq, oldest: second?.wall });
    });

    test("acknowledge() of less than before changes nothing", async ({ expect }) => {
      await using store = await open();
      await store.outbox.publish(message("critical"));
      await store.outbox.publish(message("critical"));
      const rows = await store.outbox.read("critical", 0, WINDOW);
      await store.outbox.acknowledge("critical", rows[1]?.seq ?? 0);
      await store.outbox.acknowledge("critical", rows[0]?.seq ?? 0);
      expect(await store.outbox.acknowledged("critical")).toBe(rows[1]?.seq);
    });

    test("acknowledge() refuses what is no sequence", async ({ expect }) => {
      await using store = await open();
      for (const seq of [-1, 1.5, Number.NaN, Infinity]) {
        await expect(store.outbox.acknowledge("standard", seq)).rejects.toMatchObject({ code: "ERR_INVARIANT" });
      }
    });

    test("publish() never gives out a sequence that the hub has acknowledged already", async ({ expect }) => {
      // A store restored from a backup meets a hub that knows more.
      await using store = await open();
      await store.outbox.acknowledge("standard", 500);
      await store.outbox.publish(message("standard"));
      await store.flush();
      const [row] = await store.outbox.read("standard", 0, WINDOW);
      expect(row?.seq).toBeGreaterThan(500);
    });

    test("publish() goes on counting after everything was acknowledged", async ({ expect }) => {
      await using store = await open();
      await store.outbox.publish(message("critical"));
      const [first] = await store.outbox.read("critical", 0, WINDOW);
      await store.outbox.acknowledge("critical", first?.seq ?? 0);
      await store.flush();
      await store.outbox.publish(message("critical"));
      const [second] = await store.outbox.read("critical", 0, WINDOW);
      expect(second?.seq).toBeGreaterThan(first?.seq ?? Infinity);
    });

    test("stats() counts rows that no commit has taken yet", async ({ expect }) => {
      await using store = await open();
      await store.outbox.publish(message("standard"));
      await store.outbox.publish(message("standard"));
      const stats = await store.outbox.stats();
      const lane = laneOf(stats, "standard");
      expect(lane).toMatchObject({ rows: 2, dropped: 0, acknowledged: 0 });
      expect(lane.oldest).toBeGreaterThan(0);
      expect(stats.bytes).toBe(lane.bytes);
      expect(lane.bytes).toBeGreaterThan(2 * "reading".length);
      expect(laneOf(stats, "critical")).toMatchObject({ rows: 0, bytes: 0, oldest: undefined });
    });

    test("the cap drops the oldest standard rows and writes them down exactly", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(16) });
      for (let n = 0; n < 50; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const stats = await store.outbox.stats();
      const lane = laneOf(stats, "standard");
      const rows = await store.outbox.read("standard", 0, WINDOW);
      const each = lane.bytes / lane.rows;
      expect(stats.bytes).toBeLessThanOrEqual(stats.cap);
      expect(stats.bytes + each).toBeGreaterThan(stats.cap);
      expect(rows.map((row) => row.seq)).toEqual(Array.from(rows, (_, n) => 50 - rows.length + 1 + n));
      const lost = 50 - rows.length;
      expect(lane).toMatchObject({ rows: rows.length, dropped: lost });
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "standard", from: 1, to: lost, count: lost, bytes: lost * each, reason: "cap" },
      ]);
    });

    test("the cap drops rows that were already offered after all others", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(16) });
      for (let n = 0; n < 10; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const offered = await store.outbox.read("standard", 0, { rows: 4, bytes: kibibytes(64) });
      for (let n = 0; n < 40; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const kept = await store.outbox.read("standard", 0, WINDOW);
      expect(kept.slice(0, 4).map((row) => row.seq)).toEqual(offered.map((row) => row.seq));
      const ledger = await store.outbox.ledger();
      expect(ledger).toMatchObject([{ from: 5, to: 50 - (kept.length - 4), count: 50 - kept.length }]);
    });

    test("critical rows push standard rows out, and then find the outbox full", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(16) });
      for (let n = 0; n < 20; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      let accepted = 0;
      const fill = async (): Promise<void> => {
        for (;;) {
          await store.outbox.publish(message("critical", "x".repeat(500)));
          accepted += 1;
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
      const stats = await store.outbox.stats();
      expect(stats.bytes).toBeLessThanOrEqual(stats.cap);
      expect(laneOf(stats, "critical")).toMatchObject({ rows: accepted, dropped: 0 });
      expect(laneOf(stats, "standard")).toMatchObject({ rows: 0, dropped: 20 });
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(accepted);
      // Standard messages have nothing left to make way for them.
      const standard = store.outbox.publish(message("standard", "x".repeat(500)));
      await expect(standard).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
      // What the hub takes makes room again.
      const [oldest] = await store.outbox.read("critical", 0, WINDOW);
      await store.outbox.acknowledge("critical", oldest?.seq ?? 0);
      await expect(store.outbox.publish(message("critical", "x".repeat(500)))).resolves.toMatchObject({
        outcome: "durable",
      });
    });

    test("ledger() keeps ranges apart that were lost out of order", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(16) });
      const publish = async (lane: Lane, count: number): Promise<void> => {
        for (let n = 0; n < count; n += 1) await store.outbox.publish(message(lane, "x".repeat(500)));
        await store.flush();
      };
      await publish("standard", 10);
      await store.outbox.read("standard", 0, { rows: 3, bytes: kibibytes(64) });
      await publish("standard", 30);
      // Critical messages take nearly everything: those that were offered go too, after the later ones.
      await publish("critical", 27);
      await publish("standard", 10);
      const ledger = await store.outbox.ledger();
      const ranges = ledger.map(({ from, to, count }) => [from, to, count]).sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
      expect(ranges[0]).toEqual([1, 2, 2]);
      expect(ranges[1]?.[0]).toBe(4);
      for (const [index, range] of ranges.entries()) expect(range[0]).toBeGreaterThan(ranges[index - 1]?.[1] ?? 0);
      const dropped = laneOf(await store.outbox.stats(), "standard").dropped;
      expect(ledger.reduce((sum, entry) => sum + entry.count, 0)).toBe(dropped);
    });

    test("ledger() starts a new range when rows between two losses were delivered", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(16) });
      const overflow = async (): Promise<void> => {
        for (let n = 0; n < 40; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
        await store.flush();
      };
      await overflow();
      const rows = await store.outbox.read("standard", 0, WINDOW);
      await store.outbox.acknowledge("standard", rows.at(-1)?.seq ?? 0);
      await overflow();
      const ledger = await store.outbox.ledger();
      expect(ledger).toHaveLength(2);
      const dropped = laneOf(await store.outbox.stats(), "standard").dropped;
      expect(ledger.reduce((sum, entry) => sum + entry.count, 0)).toBe(dropped);
      for (const entry of ledger) expect(entry.to - entry.from + 1).toBe(entry.count);
      expect(ledger[0]?.id).toBeLessThan(ledger[1]?.id ?? 0);
    });

    test("onReadable() calls for each lane once its rows can be read, until disposed", async ({ expect }) => {
      await using store = await open();
      const seen: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const subscription = store.outbox.onReadable((lane) => {
        seen.push(lane);
        if (new Set(seen).size === 2) resolve();
      });
      await store.outbox.publish(message("critical"));
      await store.outbox.publish(message("standard"));
      await store.flush();
      await promise;
      subscription[Symbol.dispose]();
      const before = seen.length;
      await store.outbox.publish(message("critical"));
      await store.flush();
      expect(seen).toHaveLength(before);
    });

    test("onReadable() survives a listener that throws", async ({ expect }) => {
      await using store = await open();
      using _failing = store.outbox.onReadable(() => {
        throw new Error("listener failed");
      });
      const { promise, resolve } = Promise.withResolvers<Lane>();
      using _waiting = store.outbox.onReadable(resolve);
      await store.outbox.publish(message("critical"));
      expect(await promise).toBe("critical");
    });
  });
}
