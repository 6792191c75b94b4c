import type { InterfaceShape } from "../../../src/lib/wit/type.ts";
import { bindLink, type BoundLink, type Rig } from "../../support/provider-rig.ts";

export const STORE = "wasi:keyvalue/store";
export const ATOMICS = "wasi:keyvalue/atomics";
export const BATCH = "wasi:keyvalue/batch";

/** A backend of `wasi:keyvalue`. */
export interface KeyValueSubject {
  readonly name: string;
  /** A provider with nothing in it. */
  create(): Promise<Rig>;
  /** Whether keys are listed in binary order, each of them once; if not, only that none is missed. */
  readonly ordered: boolean;
}

/** What `list-keys` returns by its WIT. */
interface KeyResponse<Cursor> {
  readonly keys: readonly string[];
  readonly cursor: Cursor | undefined;
}

interface Opened {
  readonly config?: object;
  readonly component?: string;
  readonly identifier?: string;
  /** Of `wasi:keyvalue`, as the component imports it. */
  readonly version?: string;
}

/** The `err` of a call with text for people. */
export const refused = { payload: { tag: "other" } };

export const text = (value: unknown): string | undefined =>
  value === undefined ? undefined : Buffer.from(value as Uint8Array).toString();

export const shapesOf = (version: string): readonly InterfaceShape[] =>
  [STORE, ATOMICS, BATCH].map((name) => ({ name: `${name}@${version}`, functions: [], resources: [] }));

const encode = (value: string | Uint8Array): Uint8Array => new Uint8Array(Buffer.from(value));

/** A component with one bucket open. */
export async function open(rig: Rig, { config = {}, component = "component", identifier, version }: Opened = {}) {
  const shapes = version === undefined ? [] : shapesOf(version);
  const link: BoundLink = await bindLink(rig.provider, { component, config, shapes });
  const bucket = await link.call(STORE, "open", identifier ?? "default");
  const list = async <Cursor = bigint>(cursor?: Cursor) =>
    (await link.call(STORE, "[method]bucket.list-keys", bucket, cursor)) as KeyResponse<Cursor>;
  return {
    link,
    get: async (key: string) => await link.call(STORE, "[method]bucket.get", bucket, key),
    set: async (key: string, value: string | Uint8Array) =>
      await link.call(STORE, "[method]bucket.set", bucket, key, encode(value)),
    remove: async (key: string) => await link.call(STORE, "[method]bucket.delete", bucket, key),
    exists: async (key: string) => await link.call(STORE, "[method]bucket.exists", bucket, key),
    list,
    listAll: async (): Promise<readonly string[]> => {
      const found: string[] = [];
      let page = await list();
      for (;;) {
        found.push(...page.keys);
        if (page.cursor === undefined) return found;
        page = await list(page.cursor);
      }
    },
    increment: async (key: string, delta: bigint) => await link.call(ATOMICS, "increment", bucket, key, delta),
    cas: async (key: string) => await link.call(ATOMICS, "[static]cas.new", bucket, key),
    current: async (cas: unknown) => await link.call(ATOMICS, "[method]cas.current", cas),
    swap: async (cas: unknown, value: string | Uint8Array) => await link.call(ATOMICS, "swap", cas, encode(value)),
    getMany: async (keys: readonly string[]) =>
      (
        (await link.call(BATCH, "get-many", bucket, keys)) as readonly (readonly [string, Uint8Array] | undefined)[]
      ).map((pair) => pair && [pair[0], text(pair[1])]),
    setMany: async (pairs: readonly (readonly [string, string])[]) =>
      await link.call(
        BATCH,
        "set-many",
        bucket,
        pairs.map(([key, value]) => [key, encode(value)]),
      ),
    deleteMany: async (keys: readonly string[]) => await link.call(BATCH, "delete-many", bucket, keys),
    [Symbol.asyncDispose]: async () => await link[Symbol.asyncDispose](),
  };
}
