import { z } from "zod";
import { EVIDENCE_KINDS, TRUST_MODES, UNSYNCED_CLOCK } from "../domain/trust.ts";
import { KINDS_OF, parsePublicKey } from "../trust/keys.ts";

/** A key that may sign something. `path` makes paths absolute. */
export function trustedKey(path: z.ZodType<string, string>) {
  return z
    .strictObject({
      name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "want letters, digits, dots, - and _, at most 64"),
      file: path.optional(),
      value: z.string().optional(),
      kinds: z.array(z.enum(EVIDENCE_KINDS)).min(1).optional(),
    })
    .superRefine(({ file, value, kinds }, context) => {
      const fault = (at: string, message: string): void => context.addIssue({ code: "custom", path: [at], message });
      if ((file === undefined) === (value === undefined)) {
        context.addIssue("want either file or value");
        return;
      }
      if (value === undefined) return;
      const parsed = parsePublicKey(value);
      if (parsed === undefined) {
        fault("value", "want a public key: PEM, ed25519: and base64, or the nkey of an account (A…)");
        return;
      }
      const unfit = kinds?.find((kind) => !KINDS_OF[parsed.algorithm].includes(kind));
      if (unfit !== undefined) fault("kinds", `a key for ${parsed.algorithm} signs no ${unfit}`);
    });
}

/** What is wrong with a list of keys and a threshold; undefined when nothing is. */
export function findKeysFault(
  keys: readonly { readonly name: string }[],
  threshold: number,
): { readonly at: "keys" | "threshold"; readonly message: string } | undefined {
  const names = keys.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return { at: "keys", message: `two keys are named "${twice}"` };
  if (keys.length === 0 || threshold <= keys.length) return undefined;
  return { at: "threshold", message: `want at most ${keys.length}, as many as there are keys` };
}

/** The block `trust`. */
export function trustSchema(path: z.ZodType<string, string>) {
  return z
    .strictObject({
      mode: z.enum(TRUST_MODES),
      digests: z
        .array(z.string().regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits"))
        .max(1000)
        .default([]),
      keys: z.array(trustedKey(path)).max(64).default([]),
      threshold: z.int().min(1).max(64).default(1),
      allow_downgrade: z.boolean().default(false),
      unsynced_clock: z.enum(UNSYNCED_CLOCK).default("allow-known"),
    })
    .superRefine(({ mode, digests, keys, threshold }, context) => {
      const fault = (at: string, message: string): void => context.addIssue({ code: "custom", path: [at], message });
      const found = findKeysFault(keys, threshold);
      if (found !== undefined) fault(found.at, found.message);
      if (mode === "enforce" && keys.length === 0 && digests.length === 0) {
        fault("mode", "nothing could run: want keys or digests");
      }
    });
}

export type TrustConfig = Readonly<z.output<ReturnType<typeof trustSchema>>>;
