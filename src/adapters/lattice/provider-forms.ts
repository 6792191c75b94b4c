// Interfaces between providers and components whose form between hosts wasmCloud 1.x has settled: their types are known
// without a component that says them. Pure.

import type { FunctionType, NamedType, WitType } from "../../lib/wit/type.ts";

export interface ProviderFunction {
  /** The WIT name. */
  readonly name: string;
  /** Between hosts. */
  readonly wireName: string;
  readonly type: FunctionType;
  /** Its first argument is the name of a bucket instead of the bucket. */
  readonly ofBucket: boolean;
}

export interface ProviderForm {
  /** The interface between hosts, with version. */
  readonly instance: string;
  readonly functions: readonly ProviderFunction[];
}

const STRING: WitType = { kind: "string" };
const BYTES: WitType = { kind: "list", element: { kind: "u8" } };
const U64: WitType = { kind: "u64" };

const option = (some: WitType): WitType => ({ kind: "option", some });
const record = (...fields: NamedType[]): WitType => ({ kind: "record", fields });
const field = (name: string, type: WitType): NamedType => ({ name, type });

const KEY_VALUE_ERROR: WitType = {
  kind: "variant",
  cases: [
    { name: "no-such-store", type: undefined },
    { name: "access-denied", type: undefined },
    { name: "other", type: STRING },
  ],
};

function bucketFunction(name: string, params: readonly NamedType[], ok: WitType | undefined): ProviderFunction {
  return {
    name,
    wireName: name.replace("[method]bucket.", ""),
    type: { params: [field("bucket", STRING), ...params], result: { kind: "result", ok, err: KEY_VALUE_ERROR } },
    ofBucket: true,
  };
}

const KEY = field("key", STRING);
const STORE: ProviderForm = {
  instance: "wrpc:keyvalue/store@0.2.0-draft",
  functions: [
    bucketFunction("[method]bucket.get", [KEY], option(BYTES)),
    bucketFunction("[method]bucket.set", [KEY, field("value", BYTES)], undefined),
    bucketFunction("[method]bucket.delete", [KEY], undefined),
    bucketFunction("[method]bucket.exists", [KEY], { kind: "bool" }),
    bucketFunction(
      "[method]bucket.list-keys",
      [field("cursor", option(U64))],
      record(field("keys", { kind: "list", element: STRING }), field("cursor", option(U64))),
    ),
  ],
};
const ATOMICS: ProviderForm = {
  instance: "wrpc:keyvalue/atomics@0.2.0-draft",
  functions: [bucketFunction("increment", [KEY, field("delta", U64)], U64)],
};
const KEYS = field("keys", { kind: "list", element: STRING });
const PAIR: WitType = { kind: "tuple", elements: [STRING, BYTES] };
const BATCH: ProviderForm = {
  instance: "wrpc:keyvalue/batch@0.2.0-draft",
  functions: [
    bucketFunction("get-many", [KEYS], { kind: "list", element: option(PAIR) }),
    bucketFunction("set-many", [field("key-values", { kind: "list", element: PAIR })], undefined),
    bucketFunction("delete-many", [KEYS], undefined),
  ],
};

const MESSAGE = record(field("subject", STRING), field("body", BYTES), field("reply-to", option(STRING)));

function messagingFunction(name: string, params: readonly NamedType[], ok: WitType | undefined): ProviderFunction {
  return { name, wireName: name, type: { params, result: { kind: "result", ok, err: STRING } }, ofBucket: false };
}

const CONSUMER: ProviderForm = {
  instance: "wasmcloud:messaging/consumer@0.2.0",
  functions: [
    messagingFunction("publish", [field("msg", MESSAGE)], undefined),
    messagingFunction(
      "request",
      [field("subject", STRING), field("body", BYTES), field("timeout-ms", { kind: "u32" })],
      MESSAGE,
    ),
  ],
};
const HANDLER: ProviderForm = {
  instance: "wasmcloud:messaging/handler@0.2.0",
  functions: [messagingFunction("handle-message", [field("msg", MESSAGE)], undefined)],
};

/** By interface, without version. */
export const PROVIDER_FORMS: ReadonlyMap<string, ProviderForm> = new Map([
  ["wasi:keyvalue/store", STORE],
  ["wasi:keyvalue/atomics", ATOMICS],
  ["wasi:keyvalue/batch", BATCH],
  ["wasmcloud:messaging/consumer", CONSUMER],
  ["wasmcloud:messaging/handler", HANDLER],
]);

/** Opens a bucket for whoever has only its name. */
export const OPEN_BUCKET = { interfaceName: "wasi:keyvalue/store", functionName: "open" } as const;
