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
      ["open-component app"],
      ["bind broker>app"],
    ]);
  });

  test("ends deliveries first and providers last", ({ expect }) => {
    expect(stages(state, nothing)).toEqual([
      ["unbind broker>app"],
      ["close-component app"],
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
      ["close-component app"],
      ["unbind app>broker"],
      ["stop-component app"],
      ["bind app>broker"],
      ["start-component app"],
      ["open-component app"],
      ["bind broker>app"],
    ]);
  });

  const other: DesiredState = {
    ...state,
    providers: [provider("broker"), provider("other")],
    links: [link("broker", "app"), link("app", "other")],
  };

  test("swaps the provider behind a link while the component runs: the old one goes once the new one is bound", ({
    expect,
  }) => {
    const swap = [["start-provider other"], ["bind app>other"], ["release app>broker"]];
    expect(stages(state, other)).toEqual(swap);
    const held = { ...nothing, links: [link("app", "other")] };
    expect(stages(state, other, held)).toEqual([["start-provider other"], ["release app>broker"]]);
    const steps = plan({ ...state, held: nothing }, other).flat();
    expect(steps.at(-1)).toMatchObject({ kind: "release", successors: [link("app", "other")], anyway: false });
  });

  test("swaps whoever delivers to a component, the new one before the old one ends", ({ expect }) => {
    const desired = { ...other, links: [link("other", "app"), link("app", "broker")] };
    expect(stages(state, desired)).toEqual([["start-provider other"], ["bind other>app"], ["release broker>app"]]);
  });

  test("stops a provider that is replaced last, whether or not the other one works", ({ expect }) => {
    const desired = { ...other, providers: [provider("other")], links: [link("app", "other"), link("other", "app")] };
    const steps = plan({ ...state, held: nothing }, desired);
    expect(steps.map((stage) => stage.map(show))).toEqual([
      ["start-provider other"],
      ["bind app>other"],
      ["release app>broker"],
      ["bind other>app"],
      ["release broker>app"],
      ["stop-provider broker"],
    ]);
    expect(steps.flat()).toContainEqual(expect.objectContaining({ kind: "release", anyway: true }));
  });

  test("binds what takes the place of a link that only one can have after that has gone", ({ expect }) => {
    const actual = { ...state, held: nothing, exclusive: new Set(["broker"]) };
    const kinds = plan(actual, other).map((stage) => stage.map(show));
    expect(kinds).toEqual([["unbind app>broker"], ["start-provider other"], ["bind app>other"]]);
  });

  test("does not take another link of a component for a successor", ({ expect }) => {
    const links = [{ ...link("other", "app"), name: "second" }, link("app", "broker")];
    expect(stages(state, { ...other, links })).toEqual([
      ["unbind broker>app"],
      ["start-provider other"],
      ["bind other>app"],
    ]);
    const less = { ...other, links: [link("broker", "app"), { ...link("app", "other"), interfaces: ["a:b/d"] }] };
    expect(stages(state, less)[0]).toEqual(["unbind app>broker"]);
  });

  test("rebinds a link whose configuration changed", ({ expect }) => {
    const desired = { ...state, links: [link("broker", "app", { topic: "x" }), link("app", "broker")] };
    expect(stages(state, desired)).toEqual([["unbind broker>app"], ["bind broker>app"]]);
  });

  test("rebinds a link whose configuration changed with the bytes of its component, before these take over", ({
    expect,
  }) => {
    const desired = {
      ...state,
      components: [componentSpec("app", { file: "/next" })],
      links: [link("broker", "app"), link("app", "broker", { topic: "x" })],
    };
    expect(stages(state, desired)).toEqual([["unbind app>broker"], ["bind app>broker"], ["update-component app"]]);
  });

  test("leaves what is held alone, and the links to it", ({ expect }) => {
    const held = { ...nothing, components: [component("app")] };
    expect(stages(nothing, state, held)).toEqual([["start-provider broker"]]);
  });

  const pair: DesiredState = {
    components: [component("a"), component("b")],
    providers: [],
    links: [link("a", "b")],
  };

  test("binds a link between components when both have started, before anybody may call them", ({ expect }) => {
    expect(stages(nothing, pair)).toEqual([
      ["start-component a", "start-component b"],
      ["bind a>b"],
      ["open-component a", "open-component b"],
    ]);
  });

  test("keeps a link to a component that is replaced, and looks at it again", ({ expect }) => {
    expect(stages(pair, { ...pair, components: [component("a"), component("b", { limit: "3" })] })).toEqual([
      ["close-component b"],
      ["stop-component b"],
      ["start-component b"],
      ["bind a>b"],
      ["open-component b"],
    ]);
  });

  test("closes components that call before those that they call, and a circle all at once", ({ expect }) => {
    const three = { ...pair, components: [component("c"), component("b"), component("a")] };
    const closings = (links: readonly LinkSpec[]): string[][] =>
      stages({ ...three, links }, nothing).filter(([first]) => first?.startsWith("close"));
    expect(closings([link("a", "b"), link("b", "c")])).toEqual([
      ["close-component a"],
      ["close-component b"],
      ["close-component c"],
    ]);
    expect(closings([link("a", "b"), link("b", "a")])).toEqual([
      ["close-component c"],
      ["close-component b", "close-component a"],
    ]);
  });

  describe("with an end on another host", () => {
    const far = { ...nothing, components: [component("app")], links: [link("app", "far")] };

    test("binds a component's link without waiting for anybody", ({ expect }) => {
      expect(stages(nothing, far)).toEqual([["start-component app"], ["bind app>far"], ["open-component app"]]);
    });

    test("binds a provider's link, and again when the component comes to this device and leaves it", ({ expect }) => {
      const away = {
        ...nothing,
        providers: [provider("broker")],
        links: [link("broker", "app"), link("app", "broker")],
      };
      expect(stages(nothing, away)).toEqual([["start-provider broker"], ["bind broker>app", "bind app>broker"]]);
      expect(stages(away, state)).toEqual([
        ["unbind broker>app", "unbind app>broker"],
        ["bind app>broker"],
        ["start-component app"],
        ["open-component app"],
        ["bind broker>app"],
      ]);
      expect(stages(state, away)).toEqual([
        ["unbind broker>app"],
        ["close-component app"],
        ["unbind app>broker"],
        ["stop-component app"],
        ["bind broker>app", "bind app>broker"],
      ]);
    });

    test("binds a component's link anew when its target turns out to be a provider of this device", ({ expect }) => {
      const here = { ...far, providers: [provider("far")] };
      expect(stages(far, here)).toEqual([["unbind app>far"], ["start-provider far"], ["bind app>far"]]);
      expect(stages(here, far)).toEqual([["unbind app>far"], ["stop-provider far"], ["bind app>far"]]);
    });
  });
});
