// What comes in over the socket. Apart from protocol.ts, so that a client does not load the schemas.

import { isAbsolute } from "node:path";
import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import { LANES } from "../../domain/outbox.ts";
import { EXPORTED_LANES } from "../../domain/outbox-report.ts";
import { parseObject, type ControlOperation, type ParamsOf } from "./protocol.ts";

const nothing = z.strictObject({});
const lane = z.enum(LANES);
const file = z.string().refine(isAbsolute, "want an absolute path");

const PARAMS: { readonly [K in ControlOperation]: z.ZodType<ParamsOf<K>> } = {
  status: nothing,
  metrics: nothing,
  logs: z.strictObject({ since: z.int().min(0).optional() }),
  outbox: nothing,
  "outbox-ledger": z.strictObject({
    lane: lane.optional(),
    since: z.int().min(0).optional(),
    limit: z.int().min(1).max(10_000).optional(),
  }),
  "outbox-publish": z.strictObject({
    lane,
    subject: z.string(),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.base64(),
    ttl: z.int().min(1).optional(),
  }),
  "outbox-pause": nothing,
  "outbox-resume": nothing,
  "outbox-drain": z.strictObject({ wait: z.boolean() }),
  "outbox-export": z.strictObject({
    file,
    dryRun: z.boolean(),
    lanes: z.array(z.enum(EXPORTED_LANES)).min(1).optional(),
  }),
  "outbox-import": z.strictObject({ file, dryRun: z.boolean() }),
  apps: nothing,
  "app-deploy": z.strictObject({ source: z.string(), folder: file, text: z.string(), dryRun: z.boolean() }),
  "app-undeploy": z.strictObject({ name: z.string(), dryRun: z.boolean() }),
  links: nothing,
  "link-swap": z.strictObject({
    component: z.string(),
    to: z.string(),
    name: z.string().optional(),
    from: z.string().optional(),
    interfaces: z.array(z.string()).optional(),
    config: z.unknown().optional(),
    dryRun: z.boolean(),
  }),
  "link-reset": z.strictObject({ component: z.string(), name: z.string().optional(), dryRun: z.boolean() }),
  "enrolment-renew": nothing,
  "trust-memory": nothing,
  "agent-versions": nothing,
  "agent-upload": z.strictObject({
    offset: z.int().min(0),
    total: z
      .int()
      .min(1)
      .max(1024 ** 3),
    data: z.base64(),
  }),
  "agent-update": z.strictObject({
    reference: z.string().optional(),
    dryRun: z.boolean(),
    allowDowngrade: z.boolean(),
    again: z.boolean(),
  }),
  "agent-rollback": z.strictObject({ dryRun: z.boolean() }),
  "update-status": nothing,
  "update-decide": z.strictObject({
    component: z.string(),
    decision: z.enum(["accept", "rollback", "forgive"]),
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits")
      .optional(),
    dryRun: z.boolean(),
  }),
};

/** An operation with parameters that fit it. */
export type ControlRequest = {
  [K in ControlOperation]: { readonly op: K; readonly params: ParamsOf<K> };
}[ControlOperation];

/** @throws PetioleError ERR_CONTROL_PROTOCOL */
export function parseRequest(line: string): ControlRequest {
  const { op, params, ...rest } = parseObject(line);
  if (typeof op !== "string" || !Object.hasOwn(PARAMS, op)) {
    const known = Object.keys(PARAMS).join(", ");
    throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot answer "${String(op)}": want one of ${known}`);
  }
  const unknown = Object.keys(rest);
  if (unknown.length > 0) {
    throw new PetioleError(
      "ERR_CONTROL_PROTOCOL",
      `Cannot answer "${op}": found ${unknown.join(", ")} beside its params`,
    );
  }
  const operation = op as ControlOperation;
  const result = PARAMS[operation].safeParse(params ?? {});
  if (result.success) return { op: operation, params: result.data } as ControlRequest;
  throw new PetioleError(
    "ERR_CONTROL_PROTOCOL",
    `Cannot answer "${op}": its params have faults:\n${z.prettifyError(result.error)}`,
    { cause: result.error },
  );
}
