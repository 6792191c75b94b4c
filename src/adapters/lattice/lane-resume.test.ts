import { describe, test } from "vitest";
import { createMemoryOutbox } from "../../../test/support/memory-outbox.ts";
import { bytes } from "../../domain/units.ts";
import { silentLogger } from "../../lib/log.ts";
import type { HubStream, StoredMessage } from "./hub-stream.ts";
import { createLaneResume } from "./lane-resume.ts";

/** A stream of so many messages: those of the lane, by their outbox sequences, and anybody else's. */
function stream(
  content: (number | undefined)[],
  afterEach: () => void,
): Pick<HubStream, "last" | "at" | "lastSeq"> & { readonly content: (number | undefined)[] } {
  const message = (index: number): StoredMessage | undefined => {
    if (index < 0 || index >= content.length) return undefined;
    const headers: Readonly<Record<string, string>> =
      content[index] === undefined ? {} : { "Petiole-Store": "store", "Petiole-Seq": String(content[index]) };
    return { seq: index + 1, header: (name) => headers[name] };
  };
  const answer = async <T>(value: T): Promise<T> => {
    afterEach();
    return value;
  };
  return {
    content,
    last: () => answer(message(content.findLastIndex((seq) => seq !== undefined))),
    at: (seq) => answer(message(seq - 1)),
    lastSeq: () => answer(content.length),
  };
}

describe("createLaneResume()", () => {
  test("takes messages back that the hub lost, while other lanes fill the stream up again", async ({ expect }) => {
    const source = createMemoryOutbox("store");
    for (let n = 0; n < 5; n += 1) source.add("critical", "alarm");
    await source.acknowledge("critical", 5, 5);
    const content: (number | undefined)[] = [1, 2];
    const hub = stream(content, () => content.push(undefined, undefined));
    const resume = createLaneResume({ lane: "critical", device: "gw", source, log: silentLogger, onBehind: () => {} });
    const point = await resume.resume({
      ...hub,
      name: "S",
      checksWholeLane: true,
      maxPayload: bytes(1000),
      publish: () => Promise.reject(new Error("not now")),
      answers: async () => true,
    });
    expect(point).toMatchObject({ kind: "lost", after: 2 });
    expect(source.acknowledgedNow("critical")).toBe(2);
  });
});
