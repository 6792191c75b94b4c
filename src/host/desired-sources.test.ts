import { describe, test } from "vitest";
import { componentSpec } from "../../test/support/workloads.ts";
import type { DesiredState, LinkSpec } from "../domain/workload.ts";
import { mergeDesired } from "./desired-sources.ts";

const link = (source: string, target: string, interfaces: readonly string[], config?: unknown): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces,
  config,
});
const provider = (id: string, config: unknown = {}) => ({ id, type: "fake", config });

const file: DesiredState = {
  components: [componentSpec("a"), componentSpec("b")],
  providers: [provider("store"), provider("bus")],
  links: [link("a", "store", ["w:kv/store", "w:kv/atomics"]), link("bus", "a", ["w:msg/handler"], "file")],
};

const document = (more: Partial<DesiredState>): DesiredState => ({ components: [], providers: [], links: [], ...more });

describe("mergeDesired()", () => {
  test("adds what the document has, and leaves the file's items as they are", ({ expect }) => {
    const top = document({ components: [componentSpec("c")], links: [link("c", "store", ["w:kv/store"])] });
    const merged = mergeDesired([file, top]);
    expect(merged.components.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(merged.components[0]).toBe(file.components[0]);
    expect(merged.links).toEqual([...file.links, ...top.links]);
  });

  test("takes the document's item whole where both have one of that id", ({ expect }) => {
    const b = componentSpec("b", { config: { greeting: "hello" } });
    const merged = mergeDesired([file, document({ components: [b], providers: [provider("bus", { queue: 5 })] })]);
    expect(merged.components).toEqual([file.components[0], b]);
    expect(merged.providers).toEqual([file.providers[0], provider("bus", { queue: 5 })]);
  });

  test("a link of the document takes the import from the file's link and leaves it the others", ({ expect }) => {
    const top = document({ providers: [provider("other")], links: [link("a", "other", ["w:kv/store"])] });
    expect(mergeDesired([file, top]).links).toEqual([
      link("a", "store", ["w:kv/atomics"]),
      file.links[1],
      ...top.links,
    ]);
    const both = document({ links: [link("a", "bus", ["w:kv/atomics", "w:kv/store"])] });
    expect(mergeDesired([file, both]).links).toEqual([file.links[1], ...both.links]);
  });

  test("a delivery of the document takes the place of the file's between the same ends only", ({ expect }) => {
    const same = document({ links: [link("bus", "a", ["w:msg/handler"], "document")] });
    expect(mergeDesired([file, same]).links).toEqual([file.links[0], ...same.links]);
    const other = document({ links: [link("bus", "b", ["w:msg/handler"])] });
    expect(mergeDesired([file, other]).links).toEqual([...file.links, ...other.links]);
  });

  test("without documents the file is all there is", ({ expect }) => {
    expect(mergeDesired([file])).toEqual(file);
    expect(mergeDesired([])).toEqual(document({}));
  });
});
