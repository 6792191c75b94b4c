import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { describeLink, initialLinkModel, updateLink, type LinkInput, type LinkModel } from "./link-model.ts";

const UP: LinkInput = { kind: "path", sample: { up: true, server: "2.14.9" } };
const DOWN: LinkInput = { kind: "path", sample: { up: false, reason: "cut", server: "2.14.9" } };
const answered = (path: number): LinkInput => ({ kind: "echo", path, result: { kind: "answered", rtt: millis(40) } });
const failed = (path: number): LinkInput => ({ kind: "echo", path, result: { kind: "failed", reason: "silence" } });

function after(...inputs: LinkInput[]): LinkModel {
  return inputs.reduce(updateLink, initialLinkModel("leaf"));
}

describe("describeLink()", () => {
  test("is offline without a path, whatever an echo said before", ({ expect }) => {
    expect(describeLink(after())).toMatchObject({ link: "offline", reason: "not connected yet", server: undefined });
    expect(describeLink(after(UP, answered(1), DOWN))).toMatchObject({ link: "offline", reason: "cut" });
  });

  test("is degraded until the hub itself has answered over this path", ({ expect }) => {
    expect(describeLink(after(UP))).toMatchObject({ link: "degraded", reason: "waiting for the hub's first answer" });
    expect(describeLink(after(UP, answered(1), DOWN, UP))).toMatchObject({ link: "degraded" });
  });

  test("is online once it has, and degraded again when it stops", ({ expect }) => {
    expect(describeLink(after(UP, answered(1)))).toEqual({
      link: "online",
      mode: "leaf",
      rtt: 40,
      reason: undefined,
      server: "2.14.9",
    });
    const silent = describeLink(after(UP, answered(1), UP, failed(1)));
    expect(silent).toMatchObject({ link: "degraded", reason: "silence", rtt: 40 });
    expect(describeLink(after(UP, failed(1), answered(1))).link).toBe("online");
  });

  test("starts over on a connection that was made anew between two looks", ({ expect }) => {
    const over = (connection: string): LinkInput => ({ kind: "path", sample: { up: true, connection } });
    expect(describeLink(after(over("a"), answered(1), over("a"))).link).toBe("online");
    const renewed = after(over("a"), answered(1), over("b"));
    expect(describeLink(renewed).link).toBe("degraded");
    expect(describeLink(updateLink(renewed, answered(2))).link).toBe("online");
  });

  test("ignores an echo that was sent over an earlier path, or while there is none", ({ expect }) => {
    expect(describeLink(after(UP, DOWN, UP, answered(1))).link).toBe("degraded");
    expect(describeLink(after(UP, DOWN, answered(2))).link).toBe("offline");
  });
});
