// Asks wadm, the scheduler of a lattice, which keeps applications and gives their parts to hosts.

import type { NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import type { Millis } from "../../../domain/units.ts";
import { dial, type DialOptions } from "../dial.ts";
import { describeNatsError, isNoResponders } from "../nats-error.ts";
import { wadmSubject } from "./subjects.ts";
import { parseJson } from "./wire.ts";

// Releases before 0.13 have other words for two of the states.
const state = z
  .enum(["waiting", "undeployed", "reconciling", "compensating", "deployed", "ready", "failed", "unhealthy"])
  .transform((text) => (text === "compensating" ? "reconciling" : text === "ready" ? "deployed" : text));
const info = z.object({ type: state, message: z.string().default("") });
const status = z.object({
  status: info,
  scalers: z
    .array(
      z.object({
        id: z.string().default(""),
        kind: z.string().default(""),
        name: z.string().default(""),
        status: info,
      }),
    )
    .default([]),
});
export type WadmStatus = z.infer<typeof status>;

const summary = z.object({
  name: z.string(),
  version: z.string().default(""),
  description: z.string().nullish(),
  deployed_version: z.string().nullish(),
  detailed_status: status.nullish(),
  status: z.string().default(""),
  status_message: z.string().nullish(),
});
export type WadmSummary = z.infer<typeof summary>;

const putReply = z.object({
  result: z.enum(["created", "newversion"]),
  current_version: z.string().default(""),
  message: z.string().default(""),
});
const getReply = z.object({ result: z.enum(["success", "notfound"]), manifest: z.unknown().optional() });
const listReply = z.object({ result: z.literal("success").optional(), models: z.array(summary) });
const versionsReply = z.object({
  result: z.enum(["success", "notfound"]),
  versions: z.array(z.object({ version: z.string(), deployed: z.boolean().default(false) })).nullish(),
});
const doneReply = z.object({
  result: z.enum(["acknowledged", "notfound"]),
  message: z.string().default(""),
  version: z.string().nullish(),
});
const deleteReply = z.object({ result: z.enum(["deleted", "noop"]), message: z.string().default("") });
const statusReply = z.object({ result: z.enum(["ok", "notfound"]), status: status.nullish() });
const failure = z.object({ result: z.literal("error"), message: z.string().default("") });

export interface WadmClient extends AsyncDisposable {
  list(): Promise<WadmSummary[]>;
  /** The manifest as wadm keeps it; undefined when there is none. The newest unless a version is named. */
  manifest(name: string, version?: string): Promise<unknown>;
  versions(name: string): Promise<readonly { readonly version: string; readonly deployed: boolean }[]>;
  /** Stores a manifest, and resolves with the version that it has. */
  put(text: string): Promise<{ readonly version: string; readonly isNew: boolean }>;
  /** False when there is no such application or version. */
  deploy(name: string, version: string): Promise<boolean>;
  undeploy(name: string): Promise<boolean>;
  /** Every version. */
  remove(name: string): Promise<void>;
  /** Undefined when there is no such application. */
  status(name: string): Promise<WadmStatus | undefined>;
}

export interface WadmClientOptions extends DialOptions {
  readonly lattice: string;
  readonly timeout: Millis;
}

/** Each call fails with ERR_LATTICE_REQUEST when wadm refuses it, ERR_LATTICE_UNREACHABLE when nobody answers. */
export async function connectWadm(options: WadmClientOptions): Promise<WadmClient> {
  const { lattice, timeout } = options;
  const live: NatsConnection = await dial(options);

  async function ask<T>(schema: z.ZodType<T>, operation: string, name?: string, body: string = ""): Promise<T> {
    const what = name === undefined ? operation : `${operation} "${name}"`;
    let data: Uint8Array;
    try {
      ({ data } = await live.request(wadmSubject(lattice, operation, name), body, { timeout }));
    } catch (cause) {
      const why = isNoResponders(cause) ? `no wadm listens for the lattice "${lattice}"` : describeNatsError(cause);
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ask wadm to ${what}: ${why}`, { cause });
    }
    const reply = parseJson(data);
    const refused = failure.safeParse(reply);
    if (refused.success) {
      throw new PetioleError("ERR_LATTICE_REQUEST", `wadm refuses to ${what}: ${refused.data.message}`);
    }
    const result = schema.safeParse(reply);
    if (result.success) return result.data;
    throw new PetioleError("ERR_LATTICE_REQUEST", `Cannot read wadm's answer to ${what}: it has another form`);
  }

  return {
    list: async () => (await ask(listReply, "get")).models,
    async manifest(name, version) {
      const body = version === undefined ? "" : JSON.stringify({ version });
      const { result, manifest } = await ask(getReply, "get", name, body);
      return result === "notfound" ? undefined : manifest;
    },
    versions: async (name) => (await ask(versionsReply, "versions", name)).versions ?? [],
    async put(text) {
      const { result, current_version: version } = await ask(putReply, "put", undefined, text);
      return { version, isNew: result === "created" };
    },
    async deploy(name, version) {
      const { result } = await ask(doneReply, "deploy", name, JSON.stringify({ version }));
      return result !== "notfound";
    },
    undeploy: async (name) => (await ask(doneReply, "undeploy", name, "{}")).result !== "notfound",
    remove: async (name) => void (await ask(deleteReply, "del", name, "{}")),
    async status(name) {
      const { result, status: found } = await ask(statusReply, "status", name);
      return result === "notfound" || found === null ? undefined : found;
    },
    [Symbol.asyncDispose]: () => live.close(),
  };
}
