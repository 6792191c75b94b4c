// dev.yaml of a project: what is different on a developer's machine.

import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";

const schema = z.strictObject({
  /** By the name of the capability in the manifest. */
  providers: z
    .record(z.string(), z.strictObject({ type: z.string().min(1).optional(), config: z.unknown().optional() }))
    .default({}),
  /** False leaves a provider of the manifest what it is, with its devices and servers. */
  simulate: z.record(z.string(), z.boolean()).default({}),
  /** By the name of the component in the manifest. */
  components: z
    .record(z.string(), z.strictObject({ config: z.record(z.string(), z.string()).default({}) }))
    .default({}),
});

export type DevFile = z.infer<typeof schema>;

/** What a project without the file has is empty. @throws PetioleError ERR_PROJECT_INVALID */
export async function readDevFile(file: string): Promise<DevFile> {
  try {
    const result = schema.safeParse(parse(await readFile(file, "utf8")) ?? {});
    if (result.success) return result.data;
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot use "${file}":\n${z.prettifyError(result.error)}`);
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    if (isErrno(cause, "ENOENT")) return schema.parse({});
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot use "${file}": ${reasonOf(cause)}`, { cause });
  }
}
