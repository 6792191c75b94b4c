import { test } from "vitest";
import { emptyLattice } from "../../test/support/remote-ends.ts";
import type { PreparedComponent } from "../runtime/contract.ts";
import type { Callees } from "./callees.ts";
import { createServing } from "./serving.ts";

const prepared = (digest: string): PreparedComponent => ({
  digest,
  size: 1,
  imports: [],
  exports: [`a:b/${digest}`],
  shapes: { imports: [], exports: [{ name: `a:b/${digest}`, functions: [], resources: [] }] },
});

test("a new version takes the place of the one before without a gap, and the end waits for both", async ({
  expect,
}) => {
  const events: string[] = [];
  const held = Promise.withResolvers<void>();
  const remote = emptyLattice({
    serve: (id, [shape]) => {
      events.push(`serve ${id} ${shape?.name}`);
      return {
        async [Symbol.asyncDispose]() {
          events.push(`end ${id} ${shape?.name}`);
          await held.promise;
        },
      };
    },
  });
  const serving = createServing(remote, {} as Callees); // Nobody calls.
  serving.renew("c", prepared("one"));
  serving.serve("c", prepared("one"));
  serving.serve("c", prepared("one"));
  serving.renew("c", prepared("two"));
  expect(events).toEqual(["serve c a:b/one", "serve c a:b/two", "end c a:b/one"]);
  let ended = false;
  const end = serving.end("c").then(() => {
    ended = true;
  });
  await Promise.resolve();
  expect([events.at(-1), ended]).toEqual(["end c a:b/two", false]);
  held.resolve();
  await end;
  serving.renew("c", prepared("three"));
  expect(events).toHaveLength(4);
});
