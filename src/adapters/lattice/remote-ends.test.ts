import { describe, test } from "vitest";
import { recordingLogger } from "../../../test/support/provider-rig.ts";
import { seconds } from "../../domain/units.ts";
import type { RemoteFunction } from "../../host/ports.ts";
import { silentLogger } from "../../lib/log.ts";
import type { WitType } from "../../lib/wit/type.ts";
import type { LatticeConnection } from "./connection.ts";
import { createRemoteEnds } from "./remote-ends.ts";

const away: LatticeConnection = {
  current: () => undefined,
  state: () => ({ connected: false, server: undefined, reason: "the hub is away" }),
  reconnect: () => {},
  retry: () => {},
  onChange: () => ({ [Symbol.dispose]: () => {} }),
  [Symbol.asyncDispose]: async () => {},
};
const called: RemoteFunction = {
  source: "here",
  linkName: "default",
  target: "there",
  interfaceName: "a:b/c@1.0.0",
  functionName: "get",
  type: { params: [{ name: "key", type: { kind: "string" } }], result: { kind: "u8" } },
};

describe("createRemoteEnds()", () => {
  const ends = createRemoteEnds({ connection: away, lattice: "default", log: silentLogger });

  test("refuses a call at once while there is no connection, and says why", async ({ expect }) => {
    expect(ends.reachable()).toBe(false);
    await expect(ends.call(called, ["x"], seconds(60))).rejects.toMatchObject({
      code: "ERR_LATTICE_UNREACHABLE",
      message: expect.stringContaining("the hub is away"),
    });
  });

  test.for(["far.>", "*", "", "a b", "a\r\nPUB x"])(
    "sends nothing to %j, which is no id",
    async (target, { expect }) => {
      await expect(ends.call({ ...called, target }, ["x"], seconds(60))).rejects.toMatchObject({
        code: "ERR_LINK_INVALID",
      });
    },
  );

  test("refuses arguments that do not fit, and types that cannot cross", async ({ expect }) => {
    await expect(ends.call(called, [7], seconds(60))).rejects.toMatchObject({ code: "ERR_LINK_INVALID" });
    const type = { params: [], result: { kind: "unsupported", what: "stream" } } as const;
    await expect(ends.call({ ...called, type }, [], seconds(60))).rejects.toMatchObject({ code: "ERR_LINK_INVALID" });
  });

  test("serves a component without a connection, and what it cannot serve not at all", async ({ expect }) => {
    const own = { params: [], result: { kind: "own", resource: { name: "r" } } } as const;
    const exports = [{ name: "a:b/c", functions: [{ name: "get", type: own }], resources: [] }];
    const callee = { call: () => Promise.reject(new Error()), http: () => Promise.reject(new Error()) };
    await using served = ends.serve("here", exports, callee);
    expect(served).toBeDefined();
  });

  test.for([
    ["deep", Array.from({ length: 100 }).reduce<WitType>((element) => ({ kind: "list", element }), { kind: "u8" })],
    [
      "large",
      [20, 20, 20, 20].reduce<WitType>((one, count) => ({ kind: "tuple", elements: Array(count).fill(one) }), {
        kind: "u64",
      }),
    ],
  ] as const)("serves a component without its function whose type is too %s", async ([, type], { expect }) => {
    const log = recordingLogger();
    const exports = [
      {
        name: "a:b/c",
        functions: [
          { name: "put", type: { params: [{ name: "value", type }], result: undefined } },
          { name: "get", type: called.type },
        ],
        resources: [],
      },
    ];
    const callee = { call: () => Promise.reject(new Error()), http: () => Promise.reject(new Error()) };
    await using _ = createRemoteEnds({ connection: away, lattice: "default", log }).serve("here", exports, callee);
    expect(log.records.map(({ fields }) => fields["function"])).toEqual(["a:b/c#put"]);
  });
});
