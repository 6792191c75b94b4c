import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import { describe, test } from "vitest";
import { hasPython, receiveDatagrams } from "../../../test/support/datagrams.ts";
import { skipping } from "../../../test/support/skip.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { deviceAddonPath, openDatagrams } from "../device-io.ts";
import { createJournalLogger, isJournalStream } from "./journal-log.ts";

const mayNot = skipping(
  !existsSync(deviceAddonPath()) || !hasPython(),
  "entries of the journal",
  "found no add-on of npm run build:native, or no python3",
);

describe("createJournalLogger()", () => {
  test.skipIf(mayNot)("reaches the socket, with the fields of parents, from its level on", async ({ expect }) => {
    await using receiver = await receiveDatagrams();
    const log = createJournalLogger({ level: "info", send: openDatagrams(), socket: receiver.address });
    const child = log.child({ component: "smoother" });
    child.debug("not this");
    child.info("this", { calls: 3 });
    log.error("x".repeat(50_000), { text: "a\nb" });
    const [first = "", second = ""] = await waitFor("two entries", () => {
      const got = receiver.received().map(String);
      return got.length >= 2 && got;
    });
    expect(first).toBe(
      "PRIORITY=6\nSYSLOG_IDENTIFIER=petiole\nMESSAGE=this component=smoother calls=3\n" +
        "PETIOLE_COMPONENT=smoother\nPETIOLE_CALLS=3\n",
    );
    expect(second).toMatch(/^PRIORITY=3\n/);
  });

  test("says how much the journal did not take", ({ expect }) => {
    const sent: string[] = [];
    let isFull = false;
    const log = createJournalLogger({
      level: "info",
      send: (_address, entry) => {
        if (isFull) throw Object.assign(new Error("full"), { code: "EAGAIN" });
        sent.push(Buffer.from(entry).toString());
      },
    });
    log.info("one");
    isFull = true;
    log.info("two");
    log.info("three");
    isFull = false;
    log.info("four");
    log.info("five");
    expect(sent.map((entry) => /MESSAGE=(.*)/.exec(entry)?.[1])).toEqual([
      "one",
      "The journal did not take entries of the log lost=2",
      "four",
      "five",
    ]);
  });

  test("sends the message alone when the whole is too large", ({ expect }) => {
    const sent: string[] = [];
    const log = createJournalLogger({
      level: "info",
      send: (_address, entry) => {
        if (entry.byteLength > 200) throw Object.assign(new Error("too large"), { code: "EMSGSIZE" });
        sent.push(Buffer.from(entry).toString());
      },
    });
    log.warn("one", { text: "x".repeat(1000) });
    expect(sent).toEqual(["PRIORITY=4\nSYSLOG_IDENTIFIER=petiole\nMESSAGE=one\n"]);
  });
});

test("isJournalStream() wants an output of this process, and a journal", ({ expect }) => {
  const { dev, ino } = fstatSync(2, { bigint: true });
  expect(isJournalStream(`${dev}:${ino}`, "/nowhere/socket")).toBe(false);
  const other = openSync(import.meta.filename, "r");
  const file = fstatSync(other, { bigint: true });
  closeSync(other);
  for (const stream of [undefined, "", "1", `${file.dev}:${file.ino}`]) expect(isJournalStream(stream)).toBe(false);
});
