import { describe, test } from "vitest";
import type { StoredMessage } from "./hub-stream.ts";
import { judgeFate, planResume, type ResumeInput } from "./resume-point.ts";

function message(hubSeq: number, store?: string, seq?: number): StoredMessage {
  const headers: Record<string, string | undefined> = { "Petiole-Store": store, "Petiole-Seq": seq?.toString() };
  return { seq: hubSeq, header: (name) => headers[name] };
}

describe("planResume()", () => {
  const base: ResumeInput = { storeId: "mine", acknowledged: 10, last: undefined, fate: async () => "removed" };

  test("acknowledges what the hub holds beyond what the source knows", async ({ expect }) => {
    const point = await planResume({ ...base, last: message(77, "mine", 14) });
    expect(point).toEqual({ kind: "ahead", landed: 14, after: 14, laneSeq: 77 });
  });

  test("goes on after the acknowledged row when both agree, and asks no more", async ({ expect }) => {
    const fate = (): never => {
      throw new Error("asked");
    };
    const point = await planResume({ ...base, last: message(77, "mine", 10), fate });
    expect(point).toEqual({ kind: "even", landed: 10, after: 10, laneSeq: 77 });
  });

  test("starts an empty lane at sequence 0", async ({ expect }) => {
    const point = await planResume({ ...base, acknowledged: 0 });
    expect(point).toEqual({ kind: "even", landed: 0, after: 0, laneSeq: 0 });
  });

  test("takes a message of another store, or of nobody, for no acknowledgement but as the lane's last", async ({
    expect,
  }) => {
    for (const last of [message(77, "other", 99), message(77), message(77, "mine", Number.NaN)]) {
      expect(await planResume({ ...base, last })).toEqual({ kind: "removed", landed: 0, after: 10, laneSeq: 77 });
    }
  });

  test("sends acknowledged rows again only when the hub lost them", async ({ expect }) => {
    const last = message(77, "mine", 6);
    expect(await planResume({ ...base, last })).toMatchObject({ kind: "removed", after: 10 });
    expect(await planResume({ ...base, last, fate: async () => "lost" })).toMatchObject({ kind: "lost", after: 6 });
  });
});

describe("judgeFate()", () => {
  const seen = { seq: 10, hubSeq: 50 };

  test("calls a stream that counts lower than before a loss", ({ expect }) => {
    expect(judgeFate(seen, undefined, 49, "mine")).toBe("lost");
  });

  test("calls another message in the same place a loss", ({ expect }) => {
    expect(judgeFate(seen, message(50, "other", 10), 60, "mine")).toBe("lost");
    expect(judgeFate(seen, message(50, "mine", 11), 60, "mine")).toBe("lost");
  });

  test("calls an empty place a removal", ({ expect }) => {
    expect(judgeFate(seen, undefined, 60, "mine")).toBe("removed");
    expect(judgeFate(seen, message(50, "mine", 10), 60, "mine")).toBe("removed");
  });
});
