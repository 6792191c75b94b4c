import { describe, test } from "vitest";
import { parseConfig } from "./parse.ts";

const parse = (operator: object, hub: object | undefined = { mode: "direct", urls: ["nats://hub.example"] }) =>
  parseConfig(JSON.stringify({ device: { id: "gw-1" }, operator, hub }), "/etc/petiole/petiole.yaml");

describe("operator", () => {
  test("needs nothing but a hub", ({ expect }) => {
    expect(parse({}).operator).toMatchObject({
      labels: {},
      environment: "",
      heartbeat: 15_000,
      orphans_after: 180_000,
    });
    expect(() => parseConfig('{"device":{"id":"gw-1"},"operator":{}}', "/a.yaml")).toThrow(/reached through the hub/);
  });

  test("takes what Kubernetes takes", ({ expect }) => {
    const labels = { hostgroup: "edge", "example.com/zone": "plant-a.1", empty: "" };
    expect(parse({ labels, name: "gw-1.plant", orphans_after: "never" }).operator).toMatchObject({ labels });
  });

  test.for([
    [{ labels: { "a b": "c" } }, /labels/],
    [{ labels: { a: "x".repeat(64) } }, /labels\.a/],
    [{ labels: { a: "-b" } }, /labels\.a/],
    [{ name: "Gateway_1" }, /name/],
    [{ host_id: "a.b" }, /host_id/],
    [{ host_id: "*" }, /host_id/],
    [{ heartbeat: "60s" }, /heartbeat/],
    [{ orphans_after: "30s" }, /orphans_after/],
    [{ http_listen: "8080" }, /http_listen/],
    [{ zone: "a" }, /zone/],
  ] as const)("%j is a fault", ([operator, fault], { expect }) => {
    expect(() => parse(operator)).toThrow(fault);
  });
});
