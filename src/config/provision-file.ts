import { z } from "zod";
import { flattenIssues } from "./faults.ts";
import { openYaml } from "./yaml-source.ts";

/** What a device that is set up gets: one file on its boot partition, which it removes when it is done. */
export interface ProvisionFile {
  /** Text of `petiole.yaml`. */
  readonly config: string;
  /** For one enrolment; without it the device gets its configuration alone. */
  readonly token: string | undefined;
  /** Whether a configuration that somebody made on the device makes way. */
  readonly replaceConfig: boolean;
}

/** Of the whole file. */
export const MAX_PROVISION_FILE = 256 * 1024;

const schema = z.strictObject({
  provision: z.literal(1, "want 1, the version of this form"),
  config: z.string().min(1),
  token: z
    .string()
    .regex(/^\S{1,8192}$/, "want one word")
    .optional(),
  replace_config: z.boolean().default(false),
});

/**
 * `source` is the file's path, for messages.
 * @throws PetioleError ERR_PROVISION_INVALID with every fault and its line
 */
export function parseProvisionFile(text: string, source: string): ProvisionFile {
  const yaml = openYaml(text, source, "ERR_PROVISION_INVALID");
  const result = schema.safeParse(yaml.value ?? {});
  if (!result.success) throw yaml.invalid(flattenIssues(result.error.issues));
  const { config, token, replace_config: replaceConfig } = result.data;
  return { config, token, replaceConfig };
}
