import { describe, test } from "vitest";
import { formatReference, parseReference } from "./artifact-reference.ts";

const DIGEST = `sha256:${"0c8c".repeat(16)}`;

function spelled(text: string): string {
  const parsed = parseReference(text);
  return "fault" in parsed ? "fault" : formatReference(parsed.reference);
}

describe("parseReference()", () => {
  test.for([
    ["registry.example/team/smoother:1.2", "registry.example/team/smoother:1.2"],
    ["oci://registry.example/team/smoother:1.2", "registry.example/team/smoother:1.2"],
    ["registry.example/team/smoother", "registry.example/team/smoother:latest"],
    ["registry.example:5000/smoother", "registry.example:5000/smoother:latest"],
    ["localhost/smoother:V1", "localhost/smoother:V1"],
    ["localhost:5000/a/b/c:1", "localhost:5000/a/b/c:1"],
    ["[::1]:5000/smoother:1", "[::1]:5000/smoother:1"],
    ["smoother", "docker.io/library/smoother:latest"],
    ["smoother:1", "docker.io/library/smoother:1"],
    ["team/smoother:1", "docker.io/team/smoother:1"],
    ["index.docker.io/team/smoother:1", "docker.io/team/smoother:1"],
    [`registry.example/smoother@${DIGEST}`, `registry.example/smoother@${DIGEST}`],
    [`registry.example:5000/smoother:1.2@${DIGEST}`, `registry.example:5000/smoother:1.2@${DIGEST}`],
    ["registry.example/a__b/c-d.e_f:1", "registry.example/a__b/c-d.e_f:1"],
    ["nats-object://components/team/smoother.wasm", "nats-object://components/team/smoother.wasm"],
    ["file:///opt/components/a b.wasm", "file:///opt/components/a b.wasm"],
  ] as const)("%s is %s", ([text, wanted], { expect }) => {
    expect(spelled(text)).toBe(wanted);
  });

  test("a spelled-out reference is parsed to itself", ({ expect }) => {
    for (const text of ["smoother", `r.example:1/x@${DIGEST}`, "nats-object://b/n", "file:///x"]) {
      expect(spelled(spelled(text))).toBe(spelled(text));
    }
  });

  test.for([
    "",
    ":1",
    "registry.example/",
    "registry.example/Team/x:1",
    "registry.example/team//x",
    "registry.example/team/x:",
    "registry.example/team/x:a b",
    `registry.example/team/x:${"a".repeat(129)}`,
    "registry.example/team/x@sha256:12",
    `registry.example/team/x@${DIGEST.toUpperCase()}`,
    `registry.example/team/x@${DIGEST}@${DIGEST}`,
    `registry.example/${"a".repeat(256)}`,
    "registry..example/x",
    "registry.example/../x",
    "https://registry.example/x:1",
    "nats-object://bucket",
    "nats-object://bu.cket/x",
    "nats-object:///x",
    "file://relative.wasm",
  ])("refuses %s, and says what it found", (text, { expect }) => {
    expect(parseReference(text)).toEqual({ fault: expect.stringContaining(`found "${text}", want `) });
  });
});
