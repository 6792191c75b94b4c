import { describe, test } from "vitest";
import { componentSpec } from "../../test/support/workloads.ts";
import type { ComponentSpec, DesiredState, LinkSpec, ProviderSpec } from "../domain/workload.ts";
import { plan, type Step } from "./plan.ts";

const component = (id: string, config: Record<string, string> = {}): ComponentSpec => componentSpec(id, { config });
const provider = (id: string, config: unknown = {}): ProviderSpec => ({ id, type: "mqtt", config });
const link = (source: string, target: string, config: unknown = {}): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces: ["a:b/c"],
  config,
});
const nothing: DesiredState = { components: [], providers: [], links: [] };
const state: DesiredState = {
  components: [component("app")],
  providers: [provider("broker")],
  links: [link("broker", "app"), link("app", "broker")],
};

const show = (step: Step): string => {
  if ("link" in step) return `${step.kind} ${step.link.source}>${step.link.target}`;
  return `${step.kind} ${step.spec.id}`;
};
const stages = (actual: DesiredState, desired: DesiredState, held = nothing): string[][] =>
  plan({ ...actual, held }, desired).map((stage) => stage.map(show));

describe("plan()", () => {
  test("starts providers, then imports, then components, and lets deliveries begin last", ({ expect }) => {
    expect(stages(nothing, state)).toEqual([
      ["start-provider broker"],
      ["bind app>broker"],
      ["start-component app"],
      ["bind broker>app"],
    ]);
  });

  test("ends deliveries first and providers last", ({ expect }) => {
    expect(stages(state, nothing)).toEqual([
      ["unbind broker>app"],
      ["unbind app>broker"],
      ["stop-component app"],
      ["stop-provider broker"],
    ]);
  });

  test("does nothing when nothing changed", ({ expect }) => {
    expect(stages(state, structuredClone(state))).toEqual([]);
  });

  test("restarts a component whose specification changed, with its links, and leaves the provider alone", ({
    expect,
  }) => {
    expect(stages(state, { ...state, components: [component("app", { limit: "3" })] })).toEqual([
      ["unbind broker>app"],
      ["unbind app>broker"],
      ["stop-component app"],
      ["bind app>broker"],
      ["start-component app"],
      ["bind broker>app"],
    ]);
  });

  test("swaps the provider behind a link while the component runs", ({ expect }) => {
    const desired = {
      ...state,
      providers: [provider("broker"), provider("other")],
      links: [link("broker", "app"), link("app", "other")],
    };
    expect(stages(state, desired)).toEqual([["unbind app>broker"], ["start-provider other"], ["bind app>other"]]);
  });

  test("rebinds a link whose configuration changed", ({ expect }) => {
    const desired = { ...state, links: [link("broker", "app", { topic: "x" }), link("app", "broker")] };
    expect(stages(state, desired)).toEqual([["unbind broker>app"], ["bind broker>app"]]);
  });

  test("leaves what is held alone, and the links to it", ({ expect }) => {
    const held = { ...nothing, components: [component("app")] };
    expect(stages(nothing, state, held)).toEqual([["start-provider broker"]]);
  });
});
