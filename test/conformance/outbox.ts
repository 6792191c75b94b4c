// What every outbox does, on disk or in memory: the contract of Outbox and OutboxSource.

import { describe, test } from "vitest";
import type { OutboxOptions, Store } from "../../src/adapters/store/index.ts";
import type { Lane, LaneStats, OutboxMessage, OutboxRow, OutboxStats } from "../../src/domain/outbox.ts";
import { bytes, kibibytes, millis, minutes } from "../../src/domain/units.ts";
import { waitFor } from "../support/wait-for.ts";

export interface OutboxSubject {
  readonly name: string;
  /** Whether it survives the process. */
  readonly durable: boolean;
  open(options: OutboxOptions): Promise<Store>;
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
  const open = (options: Partial<OutboxOptions> = {}): Promise<Store> =>
    subject.open({ maxBytes: kibibytes(256), maxMessage: kibibytes(32), ...options });
  const [durable, buffered] = subject.durable ? ["durable", "buffered"] : ["volatile", "volatile"];

  describe(`${subject.name} outbox`, () => {
    test("publish() says what it can promise for each lane", async ({ expect }) => {
      await using store = await open();
      expect(await store.outbox.publish(message("critical"))).toEqual({ outcome: durable, seq: 1 });
      expect(await store.outbox.publish(message("standard"))).toMatchObject({ outcome: buffered, seq: 2 });
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
      await expect(publish(97)).resolves.toMatchObject({ outcome: durable });
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
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(2);
      expect(await store.outbox.acknowledged("standard")).toEqual({ seq: first?.seq, hubSeq: undefined });
      expect(await store.outbox.acknowledged("critical")).toEqual({ seq: 0, hubSeq: undefined });
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
      expect((await store.outbox.acknowledged("critical")).seq).toBe(rows[1]?.seq);
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
      const [second] = await store.outbox.read("critical", first?.seq ?? 0, WINDOW);
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
      await using store = await open({ maxBytes: kibibytes(64) });
      for (let n = 0; n < 200; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const stats = await store.outbox.stats();
      const lane = laneOf(stats, "standard");
      const rows = await store.outbox.read("standard", 0, WINDOW);
      const each = lane.bytes / lane.rows;
      expect(stats.stored).toBeLessThanOrEqual(stats.cap);
      // Segments go as a whole, and what is above 85 % is for critical messages.
      expect(lane.bytes).toBeLessThanOrEqual(stats.cap * 0.85);
      expect(lane.bytes).toBeGreaterThan(stats.cap * 0.7);
      expect(rows.map((row) => row.seq)).toEqual(Array.from(rows, (_, n) => 200 - rows.length + 1 + n));
      const lost = 200 - rows.length;
      expect(lane).toMatchObject({ rows: rows.length, dropped: lost });
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "standard", from: 1, to: lost, count: lost, bytes: lost * each, reason: "cap" },
      ]);
    });

    test("the cap drops segments that were already offered after all others", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(64) });
      for (let n = 0; n < 20; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const offered = await store.outbox.read("standard", 0, { rows: 4, bytes: kibibytes(64) });
      for (let n = 0; n < 200; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
      await store.flush();
      const kept = await store.outbox.read("standard", 0, WINDOW);
      expect(kept.slice(0, 4).map((row) => row.seq)).toEqual(offered.map((row) => row.seq));
      expect(kept.at(-1)?.seq).toBe(220);
      const [loss, ...others] = await store.outbox.ledger();
      expect(others).toEqual([]);
      expect(loss).toMatchObject({ count: 220 - kept.length, reason: "cap" });
      expect((loss?.to ?? 0) - (loss?.from ?? 0) + 1).toBe(loss?.count);
      expect(kept.map(({ seq }) => seq).filter((seq) => seq >= (loss?.from ?? 0) && seq <= (loss?.to ?? 0))).toEqual(
        [],
      );
    });

    test("critical rows push standard rows out, and then find the outbox full", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(64) });
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
        outcome: durable,
      });
    });

    test("ledger() starts a new range when rows between two losses were delivered", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(64) });
      const overflow = async (): Promise<void> => {
        for (let n = 0; n < 200; n += 1) await store.outbox.publish(message("standard", "x".repeat(500)));
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

    test("a standard row can be read, and acknowledged, before it is written", async ({ expect }) => {
      await using store = await open({ lanes: { standard: { commitInterval: minutes(10) } } });
      await store.outbox.publish(message("critical"));
      for (const text of ["a", "b", "c"]) await store.outbox.publish(message("standard", text));
      const rows = await store.outbox.read("standard", 0, WINDOW);
      expect(rows.map(textOf)).toEqual(["a", "b", "c"]);
      await store.outbox.acknowledge("standard", rows[1]?.seq ?? 0, 7);
      const stats = laneOf(await store.outbox.stats(), "standard");
      expect(stats).toMatchObject({ rows: 1, accepted: 3, elided: 2, acknowledged: rows[1]?.seq });
      await store.flush();
      // What was acknowledged in memory is not on disk.
      expect((await store.outbox.read("standard", 0, WINDOW)).map(textOf)).toEqual(["c"]);
    });

    test("a critical row cannot be read before it is written", async ({ expect }) => {
      await using store = await open();
      const publishing = store.outbox.publish(message("critical"));
      expect(await store.outbox.read("critical", 0, WINDOW)).toEqual([]);
      await publishing;
      expect(await store.outbox.read("critical", 0, WINDOW)).toHaveLength(1);
    });

    test("rewind() has what the hub lost wait again, from disk and from memory, in order", async ({ expect }) => {
      await using store = await open({ lanes: { standard: { commitInterval: minutes(10) } } });
      const publish = async (...texts: readonly string[]): Promise<void> => {
        for (const text of texts) await store.outbox.publish(message("standard", text));
      };
      const acknowledgeAll = async (): Promise<void> => {
        const { seq } = await store.outbox.acknowledged("standard");
        const last = (await store.outbox.read("standard", seq, WINDOW)).at(-1)?.seq ?? 0;
        await store.outbox.acknowledge("standard", last, last + 100);
      };
      await publish("a", "b");
      await store.flush();
      await acknowledgeAll();
      await publish("c", "d");
      await acknowledgeAll();
      await publish("e");
      await store.flush();
      await publish("f");
      await acknowledgeAll();
      await publish("g");
      expect((await store.outbox.acknowledged("standard")).hubSeq).toBe(106);
      await store.outbox.rewind("standard", { seq: 1, hubSeq: 101 });
      expect(await store.outbox.acknowledged("standard")).toEqual({ seq: 1, hubSeq: 101 });
      const rows = await store.outbox.read("standard", 1, WINDOW);
      expect(rows.map(textOf)).toEqual(["b", "c", "d", "e", "f", "g"]);
      expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(6);
      expect(await store.outbox.ledger()).toEqual([]);
      await acknowledgeAll();
      expect(laneOf(await store.outbox.stats(), "standard").rows).toBe(0);
    });

    test("rewind() writes down what is not held any more", async ({ expect }) => {
      await using store = await open({ hubHold: millis(0), maxBytes: kibibytes(64) });
      for (let n = 0; n < 60; n += 1) await store.outbox.publish(message("critical", "x".repeat(500)));
      await store.outbox.acknowledge("critical", 60, 60);
      await store.flush();
      await store.outbox.publish(message("critical"));
      await store.outbox.rewind("critical", { seq: 0, hubSeq: undefined });
      const rows = await store.outbox.read("critical", 0, WINDOW);
      const first = rows[0]?.seq ?? 0;
      expect(first).toBeGreaterThan(10);
      expect(rows.at(-1)?.seq).toBe(61);
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "critical", from: 1, to: first - 1, count: 0, reason: "hub-lost" },
      ]);
    });

    test("latest keeps the last message of each subject, in order", async ({ expect }) => {
      await using store = await open();
      for (const [subject, text] of [
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
        ["c", "4"],
        ["b", "5"],
      ] as const) {
        await store.outbox.publish(message("latest", text, subject));
      }
      await store.flush();
      expect((await store.outbox.read("latest", 0, WINDOW)).map(textOf)).toEqual(["3", "4", "5"]);
      expect(laneOf(await store.outbox.stats(), "latest")).toMatchObject({ rows: 3, superseded: 2, dropped: 0 });
      await store.outbox.acknowledge("latest", 4);
      expect((await store.outbox.read("latest", 0, WINDOW)).map(textOf)).toEqual(["5"]);
      expect(await store.outbox.ledger()).toEqual([]);
    });

    test("ephemeral is bounded: the oldest go, and are written down", async ({ expect }) => {
      await using store = await open({ lanes: { ephemeral: { maxBytes: kibibytes(4) } } });
      for (let n = 1; n <= 20; n += 1) {
        const receipt = await store.outbox.publish(message("ephemeral", `${n}`.padEnd(500)));
        expect(receipt).toEqual({ outcome: "volatile", seq: n });
      }
      await store.flush();
      const rows = await store.outbox.read("ephemeral", 0, WINDOW);
      expect(rows.length).toBeGreaterThan(3);
      expect(rows.at(-1)?.seq).toBe(20);
      const lost = 20 - rows.length;
      const ledger = await store.outbox.ledger();
      expect(ledger.reduce((sum, { count }) => sum + count, 0)).toBe(lost);
      expect(Math.max(...ledger.map(({ to }) => to))).toBe(lost);
    });

    test("a message is not sent once it is older than its lane or itself allows", async ({ expect }) => {
      await using store = await open({ lanes: { standard: { ttl: millis(1) }, ephemeral: { ttl: millis(1) } } });
      for (const lane of ["standard", "ephemeral", "critical"] as const) {
        await store.outbox.publish(message(lane, "short"));
        await store.outbox.publish({ ...message(lane, "long"), ttl: minutes(10) });
      }
      await store.flush();
      const readAll = async (lane: Lane): Promise<readonly string[]> =>
        (await store.outbox.read(lane, 0, WINDOW)).map(textOf);
      await waitFor("the messages to grow old", async () => (await readAll("standard")).length === 1);
      expect(await readAll("standard")).toEqual(["long"]);
      await waitFor("the messages to grow old", async () => (await readAll("ephemeral")).length === 1);
      expect(await readAll("critical")).toEqual(["short", "long"]);
      await store.flush();
      const ledger = await store.outbox.ledger();
      expect(ledger.map(({ lane, from, to, count, reason }) => [lane, from, to, count, reason])).toEqual([
        ["standard", 1, 1, 1, "expired"],
        ["ephemeral", 3, 3, 1, "expired"],
      ]);
      expect(laneOf(await store.outbox.stats(), "standard")).toMatchObject({ rows: 1, dropped: 1 });
    });

    test("a lane that sheds refuses new messages and writes them down", async ({ expect }) => {
      await using store = await open({ lanes: { standard: { whenFull: "shed", maxBytes: kibibytes(8) } } });
      let accepted = 0;
      const fill = async (): Promise<void> => {
        for (;;) {
          await store.outbox.publish(message("standard", "x".repeat(500)));
          accepted += 1;
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_OUTBOX_SHED" });
      await expect(store.outbox.publish(message("standard", "x".repeat(500)))).rejects.toMatchObject({
        code: "ERR_OUTBOX_SHED",
      });
      await store.outbox.publish(message("critical"));
      await store.flush();
      expect(await store.outbox.read("standard", 0, WINDOW)).toHaveLength(accepted);
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "standard", from: accepted + 1, to: accepted + 2, count: 2, reason: "shed" },
      ]);
      await store.outbox.acknowledge("standard", accepted);
      await store.flush();
      await expect(store.outbox.publish(message("standard", "again"))).resolves.toMatchObject({ outcome: buffered });
    });

    test("a publisher with a quota is refused beyond it, and only that one", async ({ expect }) => {
      await using store = await open({ quotas: { chatty: kibibytes(4) } });
      const from = (owner: string): OutboxMessage => ({ ...message("standard", "x".repeat(500)), owner });
      for (let n = 0; n < 6; n += 1) await store.outbox.publish(from("chatty"));
      const refused = { code: "ERR_OUTBOX_QUOTA" };
      await store.outbox.publish(from("chatty"));
      await expect(store.outbox.publish(from("chatty"))).rejects.toMatchObject(refused);
      await store.outbox.publish(from("other"));
      await store.flush();
      await expect(store.outbox.publish(from("chatty"))).rejects.toMatchObject(refused);
      // What the hub took makes room again, whether it was written or not.
      await store.outbox.acknowledge("standard", 3);
      await store.flush();
      for (let n = 0; n < 3; n += 1) await store.outbox.publish(from("chatty"));
      await expect(store.outbox.publish(from("chatty"))).rejects.toMatchObject(refused);
    });

    test("a quota counts what waits of all lanes, and nothing that is gone", async ({ expect }) => {
      await using store = await open({ quota: kibibytes(4) });
      const from = (lane: Lane): OutboxMessage => ({ ...message(lane, "x".repeat(500)), owner: "chatty" });
      for (let n = 0; n < 50; n += 1) {
        for (const lane of ["latest", "ephemeral"] as const) {
          const { seq } = await store.outbox.publish(from(lane));
          await store.outbox.acknowledge(lane, seq);
        }
      }
      for (let n = 0; n < 6; n += 1) await store.outbox.publish(from("ephemeral"));
      await store.flush();
      const fill = async (): Promise<void> => {
        for (;;) await store.outbox.publish(from("standard"));
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_OUTBOX_QUOTA" });
      expect(laneOf(await store.outbox.stats(), "standard").rows).toBeLessThan(3);
    });

    test("a message that its lane could never hold is refused, and pushes nothing out", async ({ expect }) => {
      await using store = await open({ lanes: { latest: { maxBytes: kibibytes(8) } } });
      await store.outbox.publish(message("latest", "small", "a"));
      await expect(store.outbox.publish(message("latest", "x".repeat(20_000), "b"))).rejects.toMatchObject({
        code: "ERR_OUTBOX_TOO_LARGE",
      });
      expect((await store.outbox.read("latest", 0, WINDOW)).map(textOf)).toEqual(["small"]);
    });

    test("a message that waits in memory is not sent once it is too old", async ({ expect }) => {
      await using store = await open({ lanes: { standard: { ttl: millis(1), commitInterval: minutes(60) } } });
      await store.outbox.publish(message("standard", "short"));
      await store.outbox.publish({ ...message("standard", "long"), ttl: minutes(10) });
      const readAll = async (): Promise<readonly string[]> =>
        (await store.outbox.read("standard", 0, WINDOW)).map(textOf);
      await waitFor("the message to grow old", async () => (await readAll()).length === 1);
      expect(await readAll()).toEqual(["long"]);
      await store.flush();
      expect(await store.outbox.ledger()).toMatchObject([{ lane: "standard", from: 1, to: 1, reason: "expired" }]);
      expect(laneOf(await store.outbox.stats(), "standard")).toMatchObject({ rows: 1, dropped: 1 });
    });

    test("what comes faster than it can be stored is refused, written down and not counted", async ({ expect }) => {
      await using store = await open({ maxBytes: bytes(64 * 1024 * 1024), lanes: { standard: { ttl: undefined } } });
      const results = await Promise.allSettled(
        Array.from({ length: 9000 }, () => store.outbox.publish(message("standard"))),
      );
      const refused = results.filter(({ status }) => status === "rejected").length;
      expect(refused).toBeGreaterThan(0);
      await store.flush();
      expect(laneOf(await store.outbox.stats(), "standard")).toMatchObject({
        accepted: 9000 - refused,
        rows: 9000 - refused,
      });
      const ledger = await store.outbox.ledger();
      expect(ledger.every(({ reason }) => reason === "shed")).toBe(true);
      expect(ledger.reduce((sum, { count }) => sum + count, 0)).toBe(refused);
    });

    test("readers hear of messages whose sequences had to be reserved first", async ({ expect }) => {
      await using store = await open();
      await store.keyValue.set("b", "k", new Uint8Array());
      // Sequences are reserved so many at a time; while the hub takes everything, no commit comes by itself.
      for (let n = 0; n < 66_000; n += 1) {
        const { seq } = await store.outbox.publish(message("ephemeral"));
        const [row] = await store.outbox.read("ephemeral", seq - 1, WINDOW);
        if (row === undefined) break;
        await store.outbox.acknowledge("ephemeral", seq);
      }
      const before = (await store.outbox.acknowledged("ephemeral")).seq;
      expect(before).toBeLessThan(66_000);
      let heard = false;
      using _reader = store.outbox.onReadable((lane) => (heard ||= lane === "ephemeral"));
      await waitFor("a reader to hear of it", () => heard);
      expect(await store.outbox.read("ephemeral", before, WINDOW)).toHaveLength(1);
    });

    test("rewind() writes down what lanes in memory do not hold any more", async ({ expect }) => {
      await using store = await open();
      for (let n = 0; n < 5; n += 1) await store.outbox.publish(message("ephemeral"));
      await store.outbox.acknowledge("ephemeral", 4, 4);
      await store.outbox.rewind("ephemeral", { seq: 2, hubSeq: 2 });
      await store.flush();
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "ephemeral", from: 3, to: 4, count: 0, reason: "hub-lost" },
      ]);
      expect((await store.outbox.read("ephemeral", 2, WINDOW)).map(({ seq }) => seq)).toEqual([5]);
    });

    test("reportLosses() tells the hub of each loss once, with a critical message", async ({ expect }) => {
      await using store = await open({ lanes: { ephemeral: { maxBytes: kibibytes(1) } } });
      const overflow = async (): Promise<void> => {
        for (let n = 0; n < 4; n += 1) await store.outbox.publish(message("ephemeral", "x".repeat(500)));
        await store.flush();
      };
      const reports = async (): Promise<unknown[]> => {
        store.outbox.reportLosses();
        await store.flush();
        // A report is book-keeping: it comes with the next commit.
        await store.keyValue.set("b", "k", new Uint8Array());
        const rows = await store.outbox.read("critical", 0, WINDOW);
        return rows.map((row) => [row.subject, (JSON.parse(textOf(row)) as { entries: unknown[] }).entries.length]);
      };
      expect(await reports()).toEqual([]);
      await overflow();
      const first = await reports();
      expect(first).toEqual([["outbox.ledger", (await store.outbox.ledger()).length]]);
      expect(await reports()).toEqual(first);
      await overflow();
      expect(await reports()).toHaveLength(2);
      const ledger = await store.outbox.ledger();
      expect(ledger.every(({ reported }) => reported)).toBe(true);
    });

    test("handOver() ends rows up to a sequence and writes them down as exported", async ({ expect }) => {
      await using store = await open();
      for (const lane of ["standard", "critical", "standard", "standard"] as const) {
        await store.outbox.publish(message(lane));
      }
      expect(await store.outbox.handOver("id-1", { standard: 3, critical: 2 })).toEqual({ rows: 3 });
      expect(laneOf(await store.outbox.stats(), "standard")).toMatchObject({ rows: 1, acknowledged: 3, dropped: 2 });
      expect(await store.outbox.ledger()).toMatchObject([
        { lane: "critical", from: 2, to: 2, count: 1, reason: "exported" },
        { lane: "standard", from: 1, to: 3, count: 2, reason: "exported" },
      ]);
      expect(await store.state.load("export:id-1")).toMatch(/^\d+$/);
    });

    test("takeIn() stores messages with the progress of their import", async ({ expect }) => {
      await using store = await open();
      expect(await store.outbox.importProgress("id-2")).toBeUndefined();
      await store.outbox.takeIn("id-2", 2, [message("standard", "a"), message("critical", "b")]);
      expect(await store.outbox.importProgress("id-2")).toBe(2);
      expect((await store.outbox.read("standard", 0, WINDOW)).map(textOf)).toEqual(["a"]);
      expect((await store.outbox.read("critical", 0, WINDOW)).map(textOf)).toEqual(["b"]);
    });

    test("takeIn() stores all or nothing", async ({ expect }) => {
      await using store = await open({ maxBytes: kibibytes(32) });
      const fill = async (): Promise<void> => {
        for (;;) await store.outbox.publish(message("critical", "x".repeat(500)));
      };
      await expect(fill()).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
      const before = (await store.outbox.stats()).lanes.map(({ rows, accepted }) => [rows, accepted]);
      const messages = [message("standard", "a"), message("critical", "x".repeat(500)), message("standard", "b")];
      await expect(store.outbox.takeIn("id-3", 3, messages)).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
      expect(await store.outbox.importProgress("id-3")).toBeUndefined();
      expect((await store.outbox.stats()).lanes.map(({ rows, accepted }) => [rows, accepted])).toEqual(before);
    });
  });
}
