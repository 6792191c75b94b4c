import { z } from "zod";
import { parseReference } from "../../../domain/artifact-reference.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits");
/** Strings to the provider; numbers and booleans of YAML are taken as written. */
const strings = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .transform((entries) => Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, String(value)])));

/** Of a provider of type `executable`. An `image` has become a `file` by the time the provider is started. */
export const executableConfig = z
  .strictObject({
    file: z.string().startsWith("/", "want an absolute path").optional(),
    image: z
      .string()
      .superRefine((text, context) => {
        const parsed = parseReference(text);
        if ("fault" in parsed) context.addIssue(parsed.fault);
      })
      .optional(),
    image_pull: z.enum(["missing", "always"]).optional(),
    /** Of the archive or executable. */
    digest: digest.optional(),
    signed_name: z.string().min(1).max(128).optional(),
    /** Of a provider that the lattice started, what the lattice has for it. */
    config: strings.optional(),
    /** Given to the process at its start, apart from the configuration. */
    secrets: z.record(z.string(), z.string()).optional(),
  })
  .refine(({ file, image }) => (file === undefined) !== (image === undefined), "want either file or image");
export type ExecutableConfig = z.output<typeof executableConfig>;

/** What a link has for the provider's side of it: the provider gets it as text. */
export const executableLinkConfig = z.record(z.string(), z.unknown()).default({});
