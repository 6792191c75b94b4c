// Where the secrets of the device are.

import { z } from "zod";
import { duration } from "../lib/schema.ts";

export const SECRET_BACKENDS = ["files", "systemd"] as const;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "want letters, digits, - and _, at most 64");

/** The block `secrets`. `path` makes paths absolute. */
export function secretsSchema(path: z.ZodType<string, string>) {
  const backend = z
    .strictObject({
      type: z.enum(SECRET_BACKENDS),
      folder: path.optional(),
      refresh: duration()
        .refine((value) => value >= 100, "want at least 100ms")
        .optional(),
      from_outside: z.boolean().default(false),
    })
    .superRefine(({ type, folder }, context) => {
      const fault = (at: string, message: string): void => context.addIssue({ code: "custom", path: [at], message });
      if (type === "files" && folder === undefined) fault("folder", "want the folder with the files");
      if (type !== "files" && folder !== undefined) fault("folder", `a backend of type ${type} has no folder`);
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

/** Is there without being configured: credentials are given to the service by its unit. */
const SYSTEMD = "systemd";

/** Every backend by its name. */
export function secretBackends({ backends }: SecretsConfig): SecretsConfig["backends"] {
  return { [SYSTEMD]: { type: "systemd", from_outside: false }, ...backends };
}

/** The backend of references that name none. */
export function defaultBackend({ default: fallback, backends }: SecretsConfig): string {
  return fallback ?? Object.keys(backends)[0] ?? SYSTEMD;
}
