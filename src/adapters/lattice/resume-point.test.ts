import { describe, test } from "vitest";
import type { StoredMessage } from "./hub-stream.ts";
import { judgeFate, planResume } from "./resume-point.ts";

function message(hubSeq: number, store?: string, seq?: number): StoredMessage {
  const headers: Record<string, string | undefined> = { "Petiole-Store": store, "Petiole-Seq": seq?.toString() };
  return { seq: hubSeq, header: (name) => headers[name] };
}

describe("planResume()", () => {
  const base = { storeId: "mine", acknowledged: 10, last: undefined, fate: undefined };

  test("acknowledges what the hub holds beyond what the source knows", ({ expect }) => {
    const point = planResume({ ...base, last: message(77, "mine", 14) });
    expect(point).toEqual({ after: 14, laneSeq: 77, acknowledge: 14 });
  });

  test("goes on after the acknowledged row when both agree", ({ expect }) => {
    expect(planResume({ ...base, last: message(77, "mine", 10) })).toMatchObject({ after: 10, acknowledge: undefined });
  });

  test("starts an empty lane at sequence 0", ({ expect }) => {
    expect(planResume({ ...base, acknowledged: 0 })).toEqual({ after: 0, laneSeq: 0, acknowledge: undefined });
  });

  test("takes a message of another store, or of nobody, for no acknowledgement but as the lane's last", ({
    expect,
  }) => {
    for (const last of [message(77, "other", 99), message(77), message(77, "mine", Number.NaN)]) {
      expect(planResume({ ...base, last })).toEqual({ after: 10, laneSeq: 77, acknowledge: undefined });
    }
  });

  test("sends acknowledged rows again only when the hub lost them", ({ expect }) => {
    const last = message(77, "mine", 6);
    expect(planResume({ ...base, last, fate: "removed" })).toMatchObject({ after: 10, acknowledge: undefined });
    expect(planResume({ ...base, last, fate: "lost" })).toMatchObject({ after: 6, acknowledge: undefined });
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
