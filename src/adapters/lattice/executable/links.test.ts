import { describe, test } from "vitest";
import type { ProviderLink } from "../wasmcloud/provider-links.ts";
import { linkChanges } from "./link-changes.ts";
import { localLinks } from "./local-links.ts";

const link = (more: Partial<ProviderLink> = {}): ProviderLink => ({
  source_id: "smooth",
  target: "store",
  name: "default",
  wit_namespace: "wasi",
  wit_package: "keyvalue",
  interfaces: ["store"],
  source_config: {},
  target_config: {},
  ...more,
});

describe("linkChanges()", () => {
  test("tells of what is new and what is gone, and of nothing else", ({ expect }) => {
    const [one, other] = [link(), link({ name: "second" })];
    expect(linkChanges([one], [{ ...one }, other])).toEqual({ gone: [], fresh: [other] });
    expect(linkChanges([one, other], [other])).toEqual({ gone: [one], fresh: [] });
  });

  test("takes a link that changed for one that goes and one that comes", ({ expect }) => {
    const [before, after] = [link(), link({ target_config: { bucket: "b" } })];
    expect(linkChanges([before], [after])).toEqual({ gone: [before], fresh: [after] });
  });
});

describe("localLinks()", () => {
  test("puts the configuration on the provider's side, one link for each package", ({ expect }) => {
    const links = [
      {
        name: "default",
        source: "smooth",
        target: "store",
        interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics", "wasmcloud:messaging/consumer"],
        config: { bucket: "b", size: 5 },
      },
      {
        name: "in",
        source: "store",
        target: "smooth",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subject: "s" },
      },
      { name: "default", source: "smooth", target: "another", interfaces: ["wasi:keyvalue/store"], config: {} },
    ];
    const target_config = { bucket: "b", size: "5" };
    expect(localLinks("store", links)).toEqual([
      link({ interfaces: ["store", "atomics"], target_config }),
      link({ wit_namespace: "wasmcloud", wit_package: "messaging", interfaces: ["consumer"], target_config }),
      link({
        source_id: "store",
        target: "smooth",
        name: "in",
        wit_namespace: "wasmcloud",
        wit_package: "messaging",
        interfaces: ["handler"],
        source_config: { subject: "s" },
      }),
    ]);
  });
});
