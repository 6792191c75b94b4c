// What a domain component answers when it cannot do what it was asked.

import type { Fault } from "petclinic:clinic/types@0.1.0";
import { errorText } from "../../../lib/error-text.ts";

/** Leaves a component as the `err` of the function's result. */
export class ClinicFault extends Error {
  override readonly name = "ClinicFault";
  readonly payload: Fault;

  constructor(tag: Fault["tag"], message: string) {
    super(message);
    this.payload = { tag, val: message };
  }
}

/** A fault for whatever came out of the database. */
export function toFault(error: unknown): ClinicFault {
  if (error instanceof ClinicFault) return error;
  const found = errorText(error);
  if (found.startsWith("unexpected: constraint"))
    return new ClinicFault("invalid", "The values are not allowed together");
  return new ClinicFault("unavailable", found);
}
