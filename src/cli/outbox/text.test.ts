import { describe, test } from "vitest";
import type { ExportReport, ImportReport, OutboxReport } from "../../domain/outbox-report.ts";
import { bytes, kibibytes, mebibytes, millis } from "../../domain/units.ts";
import { formatOutbox } from "./report-text.ts";
import { formatExport, formatImport } from "./transfer-text.ts";

const NOW = 1_700_000_600_000;

const REPORT: OutboxReport = {
  stats: {
    lanes: [
      {
        lane: "critical",
        rows: 12,
        bytes: kibibytes(3),
        oldest: millis(NOW - 600_000),
        oldestAge: millis(600_000),
        acknowledged: 4,
        dropped: 0,
      },
      {
        lane: "standard",
        rows: 0,
        bytes: bytes(0),
        oldest: undefined,
        oldestAge: undefined,
        acknowledged: 9,
        dropped: 7,
      },
    ],
    bytes: kibibytes(3),
    cap: mebibytes(1),
    lastSeq: 28,
  } as unknown as OutboxReport["stats"],
  hub: { link: "offline", mode: "leaf", rtt: undefined, reason: "no route", server: "2.14.9" },
  forwarder: {
    stream: undefined,
    lanes: [
      {
        lane: "critical",
        phase: "waiting",
        inFlight: 3,
        window: 1,
        stored: 0,
        duplicates: 0,
        unexpected: 0,
        refused: 0,
        hubBehind: 0,
        lastError: { code: "ERR_LATTICE_STREAM", message: "no stream" },
      },
    ],
  },
  paused: false,
  rates: [{ lane: "critical", accepted: 0.25, delivered: 123.4 }],
  store: { mode: "disk" },
};

describe("formatOutbox()", () => {
  test("shows each lane, what went wrong last, and the use of the cap", ({ expect }) => {
    expect(formatOutbox(REPORT)).toBe(
      [
        "hub: offline (no route)",
        "store: on disk",
        "",
        "LANE      WAITING  SIZE     OLDEST  IN/S  OUT/S  DROPPED  FORWARDER  IN FLIGHT",
        "critical  12       3.0 KiB  10 min  0.3   123    0        waiting    3",
        "standard  0        0 B      -       -     -      7        -          -",
        "  critical: ERR_LATTICE_STREAM: no stream",
        "  3.0 KiB of 1.0 MiB used (0.3 %), last sequence 28",
      ].join("\n"),
    );
  });

  test("cannot be overlooked when messages are not kept, or held", ({ expect }) => {
    const text = formatOutbox({ ...REPORT, paused: true, store: { mode: "memory", reason: "read-only" } });
    expect(text).toContain("store: IN MEMORY ONLY (read-only)\nforwarding: PAUSED, until petiole outbox resume\n");
  });
});

const TOTALS = {
  rows: 3,
  bytes: bytes(300),
  lanes: [{ lane: "critical" as const, rows: 3, bytes: bytes(300) }],
  oldest: millis(NOW - 7_200_000),
};

describe("formatExport()", () => {
  const DONE: ExportReport = {
    ...TOTALS,
    file: "/media/stick/f",
    id: "id",
    size: bytes(900),
    dryRun: false,
    completed: false,
    replaced: false,
  };
  const first = (report: Partial<ExportReport>): string[] =>
    formatExport({ ...DONE, ...report }, NOW)
      .split("\n\n", 1)[0]
      ?.split("\n") ?? [];

  test("says what has become of the messages", ({ expect }) => {
    expect(formatExport(DONE, NOW)).toBe(
      "3 messages are in /media/stick/f, 900 B, and are no longer this device's to deliver\n\n" +
        "LANE      MESSAGES  SIZE\ncritical  3         300 B\n  the oldest was 2.0 h old",
    );
    expect(first({ dryRun: true })).toEqual(["would export 3 messages to /media/stick/f, 900 B; nothing was changed"]);
    expect(first({ rows: 0 })).toEqual(["nothing waits, no file was made"]);
  });

  test("says what was found from before", ({ expect }) => {
    expect(first({ completed: true })[0]).toMatch(/broken off was finished/);
    expect(first({ replaced: true })[0]).toMatch(/unfinished .*f\.partial.* was replaced/);
    expect(first({ replaced: true, dryRun: true })[0]).toMatch(/would be replaced/);
  });
});

test("formatImport() says whose they are, how many came and how many were there", ({ expect }) => {
  const done: ImportReport = {
    ...TOTALS,
    file: "f",
    id: "id",
    device: "gw-7",
    storeId: "s",
    madeAt: millis(NOW),
    dryRun: false,
    before: 1,
    imported: 2,
  };
  expect(formatImport(done)).toContain(
    "imported 2 of 3 messages, 1 of them by a run before\nf: exported by gw-7 at 2023-11-14T22:23:20.000Z by its own clock",
  );
  expect(formatImport({ ...done, dryRun: true, imported: 0, before: 0 })).toContain(
    "would import 3 of 3 messages; the file is whole, nothing was changed",
  );
});
