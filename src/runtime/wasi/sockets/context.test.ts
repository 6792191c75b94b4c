import { describe, test } from "vitest";
import { suspend } from "../../../../test/support/guest-sockets.ts";
import { MAX_NAMES, MAX_RESOLVED, SocketContext } from "./context.ts";

const ADDRESS = "93.184.215.14";

/** What `count` names that lead to one address still open, of which each has a port of its own. */
function reached(context: SocketContext, count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1).filter((port) =>
    context.mayReach({ address: ADDRESS, port }),
  );
}

describe("SocketContext", () => {
  test("remembers the last names of an address, also when one is asked for again", ({ expect }) => {
    const count = MAX_NAMES + 2;
    const granted = Array.from({ length: count }, (_, index) => `n${index + 1}.example:${index + 1}`);
    using context = new SocketContext(suspend, granted);
    for (let index = 1; index <= MAX_NAMES; index++) context.resolved(`n${index}.example`, [ADDRESS]);
    context.resolved("n1.example", [ADDRESS]);
    context.resolved(`n${count - 1}.example`, [ADDRESS]);
    context.resolved(`n${count}.example`, [ADDRESS]);
    const all = Array.from({ length: count }, (_, index) => index + 1);
    expect(reached(context, count)).toEqual(all.filter((port) => port !== 2 && port !== 3));
  });

  test("remembers the last addresses", ({ expect }) => {
    using context = new SocketContext(suspend, ["*.example:1"]);
    const address = (index: number): string => `10.0.${index >> 8}.${index & 255}`;
    for (let index = 0; index <= MAX_RESOLVED; index++) context.resolved("a.example", [address(index)]);
    const may = (index: number): boolean => context.mayReach({ address: address(index), port: 1 });
    expect([may(0), may(1), may(MAX_RESOLVED)]).toEqual([false, true, true]);
  });

  test("a port to listen on opens nothing else", ({ expect }) => {
    using context = new SocketContext(suspend, ["listen:8080"]);
    expect([context.mayListen(8080), context.mayListen(80), context.mayLookUp("listen")]).toEqual([true, false, false]);
  });
});
