import { describe, test } from "vitest";
import { componentSpec, imageSpec } from "../../test/support/workloads.ts";
import type { DesiredState, LinkSpec, WantedState } from "../domain/workload.ts";
import type { Artifact } from "./ports.ts";
import { readyState, type Ready } from "./ready-state.ts";

const NOTHING: DesiredState = { components: [], providers: [], links: [] };
const store = { id: "store", type: "fake", config: {} };
const link = (source: string, target: string, name = "a:b/c"): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces: [name],
  config: undefined,
});
const artifact = (content: string, reference = "r.example/app:1"): Artifact => ({
  reference,
  digest: `manifest of ${content}`,
  content,
  file: `/artifacts/${content}.wasm`,
  size: 1,
});
const wanted = (more: Partial<WantedState>): WantedState => ({
  components: [],
  providers: [store],
  links: [],
  ...more,
});

const ready = (
  artifacts: Ready["artifacts"],
  before: DesiredState,
  standIns: Ready["standIns"] = new Map(),
): Ready => ({
  artifacts,
  standIns,
  before,
});

describe("readyState()", () => {
  test("has components of files as they are, and those of images with their artifact", ({ expect }) => {
    const state = wanted({ components: [componentSpec("file"), imageSpec("app", "r.example/app:1")] });
    const { components } = readyState(state, ready(new Map([["app", artifact("v1")]]), NOTHING));
    expect(components).toEqual([
      componentSpec("file"),
      componentSpec("app", { file: "/artifacts/v1.wasm", digest: "v1" }),
    ]);
  });

  test("leaves out what is not there, with its links", ({ expect }) => {
    const state = wanted({
      components: [componentSpec("file"), imageSpec("app", "r.example/app:1")],
      links: [link("file", "store"), link("app", "store"), link("store", "app")],
    });
    const found = readyState(state, ready(new Map(), NOTHING));
    expect(found.components.map(({ id }) => id)).toEqual(["file"]);
    expect(found.links).toEqual([link("file", "store")]);
  });

  test("has a provider of an image once that is there, with its file", ({ expect }) => {
    const image = { reference: "r.example/kv:1", pull: "missing" } as const;
    const state = wanted({
      providers: [store, { id: "kv", type: "executable", config: { config: { a: "b" } }, image }],
    });
    expect(readyState(state, ready(new Map(), NOTHING)).providers).toEqual([store]);
    const there = readyState(state, ready(new Map([["kv", artifact("v1")]]), NOTHING));
    const config = { config: { a: "b" }, file: "/artifacts/v1.wasm", digest: "v1" };
    expect(there.providers).toEqual([store, { id: "kv", type: "executable", config }]);
    // Another image is on its way: the one before goes on.
    expect(readyState(state, ready(new Map(), there)).providers).toEqual(there.providers);
  });

  test("links a component to one whose image is not there yet", ({ expect }) => {
    const found = readyState(
      wanted({
        components: [componentSpec("file"), imageSpec("app", "r.example/app:1")],
        links: [link("file", "app")],
      }),
      ready(new Map(), NOTHING),
    );
    expect(found.links).toEqual([link("file", "app")]);
  });

  test("lets a component go on as it was while its next image comes, with the links of before", ({ expect }) => {
    const before = readyState(
      wanted({ components: [imageSpec("app", "r.example/app:1")], links: [link("app", "store", "a:b/old")] }),
      ready(new Map([["app", artifact("v1")]]), NOTHING),
    );
    const next = wanted({
      components: [imageSpec("app", "r.example/app:2", { env: { A: "1" } }), componentSpec("file")],
      links: [link("app", "store", "a:b/new"), link("file", "store")],
    });
    const during = readyState(next, ready(new Map(), before));
    expect(during.components).toEqual([before.components[0], componentSpec("file")]);
    expect(during.links).toEqual([link("file", "store"), link("app", "store", "a:b/old")]);
    const after = readyState(next, ready(new Map([["app", artifact("v2")]]), during));
    expect(after.components[0]).toMatchObject({ file: "/artifacts/v2.wasm", env: { A: "1" } });
    expect(after.links).toEqual(next.links);
  });

  test("has what worked last in place of an image that is not there after a boot", ({ expect }) => {
    const state = wanted({
      components: [imageSpec("app", "r.example/app:2", { digest: "v2" })],
      links: [link("app", "store")],
    });
    const standIns = new Map([["app", { file: "/versions/v1.wasm", digest: "v1" }]]);
    const booted = readyState(state, ready(new Map(), NOTHING, standIns));
    expect(booted.components).toEqual([componentSpec("app", { file: "/versions/v1.wasm", digest: "v1" })]);
    expect(booted.links).toEqual(state.links);
    const fetched = readyState(state, ready(new Map([["app", artifact("v2")]]), booted, standIns));
    expect(fetched.components[0]).toMatchObject({ file: "/artifacts/v2.wasm", digest: "v2" });
  });

  test("does not keep a link whose other end is gone", ({ expect }) => {
    const before: DesiredState = { ...wanted({}), components: [componentSpec("app")], links: [link("app", "store")] };
    const next = wanted({ components: [imageSpec("app", "r.example/app:2")], providers: [] });
    expect(readyState(next, ready(new Map(), before))).toEqual({
      components: [componentSpec("app")],
      providers: [],
      links: [],
    });
  });

  test("is the same for the same bytes, whatever they were called", ({ expect }) => {
    const one = wanted({ components: [imageSpec("app", "r.example/app:1")] });
    const other = wanted({ components: [imageSpec("app", "elsewhere.example/app:stable")] });
    const first = readyState(one, ready(new Map([["app", artifact("v1")]]), NOTHING));
    const second = readyState(other, ready(new Map([["app", artifact("v1", "elsewhere.example/app:stable")]]), first));
    expect(second).toEqual(first);
  });
});
