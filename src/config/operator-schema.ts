// The device as a host for the runtime-operator of wasmCloud 2.x.

import { z } from "zod";
import { duration, size } from "../lib/schema.ts";

/** Kubernetes refuses a Host object with other labels, and then there is none at all. */
const labelValue = z
  .string()
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/,
    "want a label of Kubernetes: at most 63 letters, digits, - _ .",
  );
const labelKey = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    "want the key of a label of Kubernetes, such as zone or example.com/zone",
  );

const objectName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
    "want a name for an object of Kubernetes: lower-case letters, digits, - and .",
  );

const between = (from: string, to: string, least: number, most: number) =>
  duration().refine((value) => value >= least && value <= most, `want ${from} to ${to}`);

export function operatorSchema(path: z.ZodType<string, string>, address: z.ZodType<string, string>) {
  return z.strictObject({
    host_id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "want letters, digits, - and _, at most 64")
      .optional(),
    name: objectName.optional(),
    labels: z.record(labelKey, labelValue).default({}),
    environment: z.string().max(253).default(""),
    hostname: z.string().min(1).max(253).optional(),
    http_listen: address.optional(),
    http_port: z.int().min(1).max(65_535).optional(),
    // The operator gives a host up that it has not heard of for 60 s.
    heartbeat: between("1s", "50s", 1000, 50_000).prefault("15s"),
    memory: size().prefault("32MiB"),
    deadline: duration().prefault("5s"),
    host_paths: z.array(path).max(64).default([]),
    orphans_after: z.union([z.literal("never"), between("2m", "30d", 120_000, 30 * 86_400_000)]).prefault("3m"),
  });
}
