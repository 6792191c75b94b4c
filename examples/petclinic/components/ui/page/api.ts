// The API, as the page asks it.

import type { FieldFaults } from "../../common/forms.ts";

export interface Owner {
  readonly id: number;
  readonly firstName: string;
  readonly lastName: string;
  readonly address: string;
  readonly city: string;
  readonly telephone: string;
}

export interface OwnerPage {
  readonly total: number;
  readonly page: number;
  readonly size: number;
  readonly owners: readonly (Owner & { readonly pets: readonly string[] })[];
}

export interface Pet {
  readonly id: number;
  readonly name: string;
  readonly species: string;
  readonly birthDate: string;
  readonly visits: readonly { readonly id: number; readonly date: string; readonly description: string }[];
}

export interface OwnerFile extends Owner {
  readonly pets: readonly Pet[];
}

export interface VetPage {
  readonly total: number;
  readonly page: number;
  readonly size: number;
  readonly vets: readonly {
    readonly id: number;
    readonly firstName: string;
    readonly lastName: string;
    readonly specialties: readonly string[];
  }[];
}

/** An answer that is no success. The status is 0 when there was none. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly fields: FieldFaults;

  constructor(message: string, { status, fields = {} }: { readonly status: number; readonly fields?: FieldFaults }) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export const get = <T>(path: string, signal: AbortSignal): Promise<T> => ask<T>(path, { signal });

export const post = <T>(path: string, body: unknown): Promise<T> =>
  ask<T>(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new ApiError("The clinic does not answer", { status: 0 });
  });
  // The server in front of the API answers in plain text.
  const body = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok && body !== undefined) return body as T;
  const { error, fields } = (body ?? {}) as { readonly error?: string; readonly fields?: FieldFaults };
  throw new ApiError(error ?? `The clinic answers with ${response.status}`, {
    status: response.status,
    ...(fields !== undefined && { fields }),
  });
}
