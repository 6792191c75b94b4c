// Where the secrets of the device are.

import { z } from "zod";
import { duration } from "../lib/schema.ts";
import { SYSTEMD } from "./secret-backends.ts";

const SECRET_BACKENDS = ["files", "systemd", "nats-kv", "wasmcloud"] as const;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "want letters, digits, - and _, at most 64");

/** First tokens of the subjects of a secrets service. */
export const subjectPrefix = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, "want tokens of a subject, such as wasmcloud.secrets");

/** Keys that one type of backend has. */
const OWNERS = { folder: "files", bucket: "nats-kv", service: "wasmcloud", prefix: "wasmcloud" } as const;

/** The block `secrets`. `path` makes paths absolute. */
export function secretsSchema(path: z.ZodType<string, string>) {
  const backend = z
    .strictObject({
      type: z.enum(SECRET_BACKENDS),
      folder: path.optional(),
      bucket: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,128}$/, "want letters, digits, - and _")
        .optional(),
      service: name.optional(),
      prefix: subjectPrefix.optional(),
      refresh: duration()
        .refine((value) => value >= 100, "want at least 100ms")
        .optional(),
      from_outside: z.boolean().default(false),
    })
    .superRefine(({ type, ...keys }, context) => {
      const fault = (at: string, message: string): void => context.addIssue({ code: "custom", path: [at], message });
      if (type === "files" && keys.folder === undefined) fault("folder", "want the folder with the files");
      if (type === "nats-kv" && keys.bucket === undefined) fault("bucket", "want the name of the bucket");
      for (const [key, owner] of Object.entries(OWNERS)) {
        if (keys[key as keyof typeof OWNERS] === undefined || type === owner) continue;
        fault(key, `a backend of type ${type} has no ${key}`);
      }
    });

  return z
    .strictObject({ default: name.optional(), backends: z.record(name, backend).default({}) })
    .superRefine(({ default: fallback, backends }, context) => {
      const fault = (message: string): void => context.addIssue({ code: "custom", path: ["default"], message });
      const names = Object.keys(backends);
      if (fallback === undefined && names.length > 1) fault(`want the backend that is meant when none is named`);
      if (fallback !== undefined && fallback !== SYSTEMD && !names.includes(fallback)) {
        fault(`there is no backend "${fallback}", want one of ${names.join(", ")}`);
      }
    });
}

export type SecretsConfig = Readonly<z.output<ReturnType<typeof secretsSchema>>>;
