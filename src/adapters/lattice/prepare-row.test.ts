import { describe, test } from "vitest";
import { isPetioleError } from "../../domain/errors.ts";
import type { OutboxRow } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { parseHeaderLines } from "../../../test/support/model-hub.ts";
import { parsePosition } from "./outbox-headers.ts";
import { prepareRow } from "./prepare-row.ts";

const target = { device: "press-7", storeId: "store", limit: 2_000 };

function row(change: Partial<OutboxRow> = {}): OutboxRow {
  return {
    lane: "standard",
    subject: "a.b",
    body: new Uint8Array(10),
    headers: {},
    seq: 3,
    bootId: "boot",
    monotonic: millis(12.6),
    wall: millis(1_000),
    clock: "synced",
    ...change,
  };
}

describe("prepareRow()", () => {
  test("names the message by device, store and sequence, and stamps it", ({ expect }) => {
    const prepared = prepareRow(row({ headers: { kind: "test", "NATS-Rollup": "all", "petiole-seq": "1" } }), target);
    if (isPetioleError(prepared)) throw prepared;
    expect(prepared).toMatchObject({ subject: "petiole.press-7.standard.a.b", messageId: "press-7:store:3" });
    const headers = parseHeaderLines(prepared.headers);
    expect(Object.fromEntries(headers)).toEqual({
      kind: "test",
      "Nats-Msg-Id": "press-7:store:3",
      "Petiole-Seq": "3",
      "Petiole-Store": "store",
      "Petiole-Boot": "boot",
      "Petiole-Monotonic": "13",
      "Petiole-Wall": "1000",
    });
    const header = (name: string): string | undefined => headers.get(name);
    expect(parsePosition(header)).toEqual({ storeId: "store", seq: 3 });
  });

  test("marks a time that cannot be trusted", ({ expect }) => {
    const prepared = prepareRow(row({ clock: "unsynced" }), target);
    if (isPetioleError(prepared)) throw prepared;
    expect(parseHeaderLines(prepared.headers).get("Petiole-Clock")).toBe("unsynced");
  });

  test("counts headers, not only the body, against the limit", ({ expect }) => {
    const small = prepareRow(row(), target);
    expect(small).not.toBeInstanceOf(Error);
    const large = prepareRow(row({ headers: { note: "ü".repeat(800) } }), target);
    expect(large).toMatchObject({ code: "ERR_LATTICE_MESSAGE", message: expect.stringContaining("takes 2000") });
  });

  test.for([{ "a b": "x" }, { "": "x" }, { "a:b": "x" }, { a: "x\r\nNats-Msg-Id: forged" }])(
    "refuses the headers %j",
    (headers, { expect }) => {
      expect(prepareRow(row({ headers }), target)).toMatchObject({ code: "ERR_LATTICE_MESSAGE" });
    },
  );

  test("refuses a subject that is none", ({ expect }) => {
    expect(prepareRow(row({ subject: "a.>" }), target)).toMatchObject({ code: "ERR_LATTICE_MESSAGE" });
  });
});
