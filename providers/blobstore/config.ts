import { z } from "zod";
import { gibibytes, mebibytes, size } from "#provider";

const file = z.string().startsWith("/", "want an absolute path");

/** A list, or a text with commas: the values of a lattice's configuration are texts. */
const names = z
  .union([z.string().transform((text) => text.split(",").map((one) => one.trim())), z.array(z.string())])
  .pipe(z.array(z.string().min(1).max(240)).min(1).max(256));

export const fsSchema = z.strictObject({
  /** Made when missing. */
  folder: file,
  max_container: size().optional(),
  max_total: size().default(gibibytes(1)),
  /** Of a container. */
  max_objects: z.int().min(1).max(1_000_000).default(10_000),
});
export type FsConfig = z.infer<typeof fsSchema>;

export const linkSchema = z.strictObject({
  /** What the containers' names are apart by; the component's id unless given. */
  namespace: z.string().max(80).optional(),
  /** Others are refused. */
  containers: names.optional(),
  read_only: z.boolean().default(false),
  max_object: size().default(mebibytes(64)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
