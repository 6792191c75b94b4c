import type { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import { parseJson } from "./wire.ts";

/** @throws PetioleError ERR_LATTICE_REQUEST */
export function decode<T>(schema: z.ZodType<T>, body: Uint8Array, what: string): T {
  const result = schema.safeParse(parseJson(body));
  if (result.success) return result.data;
  throw new PetioleError("ERR_LATTICE_REQUEST", `failed to deserialize ${what}`, { cause: result.error });
}
