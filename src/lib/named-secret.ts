import type { SecretReference } from "../domain/secret.ts";

/** A secret as wasmCloud names it. */
export interface NamedSecret {
  /** By which it is known to whoever gets it. */
  readonly name: string;
  readonly backend: string;
  readonly key: string;
  readonly field: string | undefined;
  readonly version: string | undefined;
  /** JSON text. */
  readonly policy: string;
  readonly application: string | undefined;
}

/** What it is on this device. */
export type SecretFinding =
  | { readonly reference: SecretReference; readonly problem?: undefined }
  | { readonly reference?: undefined; readonly problem: string };

export type SecretRule = (wanted: NamedSecret) => SecretFinding;
