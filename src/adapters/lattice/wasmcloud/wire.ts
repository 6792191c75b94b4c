// The requests and replies of a wasmCloud 1.x lattice, as they travel. Unknown fields are left out.

import { z } from "zod";

const text = z.string();
const strings = z.record(text, text);
const names = z.array(text);
const optionalText = text.default("");

export const scaleRequest = z.object({
  component_ref: optionalText,
  component_id: text.min(1),
  annotations: strings.nullish(),
  /** Of the API's name `max_instances`; 0 stops. */
  count: z.int().min(0).max(0xffff_ffff).default(0),
  host_id: optionalText,
  config: names.default([]),
  allow_update: z.boolean().default(false),
});
export type ScaleRequest = z.infer<typeof scaleRequest>;

export const updateRequest = z.object({
  component_id: optionalText,
  annotations: strings.nullish(),
  host_id: optionalText,
  new_component_ref: optionalText,
});

export const componentAuction = z.object({ component_ref: optionalText, component_id: text, constraints: strings });
export const providerAuction = z.object({ provider_ref: optionalText, provider_id: text, constraints: strings });

export const startProviderRequest = z.object({
  provider_id: text.min(1),
  provider_ref: optionalText,
  host_id: optionalText,
  config: names.default([]),
  annotations: strings.nullish(),
});
export type StartProviderRequest = z.infer<typeof startProviderRequest>;

export const stopProviderRequest = z
  .object({ host_id: optionalText, provider_id: text.optional(), provider_ref: text.optional() })
  // Older clients send the id under the other name.
  .transform(({ host_id, provider_id, provider_ref }) => ({ host_id, provider_id: provider_id ?? provider_ref ?? "" }));

export const stopHostRequest = z.object({ host_id: optionalText, timeout: z.int().min(0).nullish() });

export const linkSchema = z.object({
  source_id: text.min(1),
  target: text.min(1),
  name: text.default("default"),
  wit_namespace: text,
  wit_package: text,
  interfaces: names,
  source_config: names.default([]),
  target_config: names.default([]),
});
export type Link = z.infer<typeof linkSchema>;
/** What a removal says, whatever else is in it. */
export const linkEnds = linkSchema.pick({
  source_id: true,
  target: true,
  name: true,
  wit_namespace: true,
  wit_package: true,
});
export type LinkEnds = z.infer<typeof linkEnds>;

export const deleteLinkRequest = z.object({
  source_id: text.min(1),
  name: text.default("default"),
  wit_namespace: text,
  wit_package: text,
});
export type DeleteLinkRequest = z.infer<typeof deleteLinkRequest>;

export const configMap = strings;
export const labelRequest = z.object({ key: text.min(1), value: text.default("") });

export const registryMap = z.record(
  text,
  z.object({
    username: text.nullish(),
    password: text.nullish(),
    token: text.nullish(),
    registryType: text.default("oci"),
  }),
);

/** Value of a key `COMPONENT_<id>`. */
export const componentRecord = z.object({ url: optionalText, links: z.array(linkSchema).default([]) });

export interface Reply {
  readonly success: boolean;
  readonly message: string;
  readonly response?: unknown;
}

export const accepted = (message = ""): Reply => ({ success: true, message });
export const refused = (message: string): Reply => ({ success: false, message });
export const answer = (response: unknown): Reply => ({ success: true, message: "", response });

export interface HostReply {
  readonly id: string;
  readonly friendly_name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lattice: string;
  readonly uptime_seconds: number;
  readonly uptime_human: string;
  readonly version: string;
  readonly js_domain?: string;
}

export interface Inventory {
  readonly host_id: string;
  readonly friendly_name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly uptime_seconds: number;
  readonly uptime_human: string;
  readonly components: readonly InventoryComponent[];
  readonly providers: readonly InventoryProvider[];
}

export interface InventoryComponent {
  readonly id: string;
  readonly image_ref: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly revision: number;
  readonly max_instances: number;
}

export interface InventoryProvider {
  readonly id: string;
  readonly image_ref: string;
  /** As its claims have it. */
  readonly name?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly revision: number;
}

/** JSON in a body, or undefined. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** The value of a text that this or another host has stored; undefined for what is none. */
export function parseStored<T>(schema: z.ZodType<T>, stored: string | undefined): T | undefined {
  if (stored === undefined) return undefined;
  try {
    const result = schema.safeParse(JSON.parse(stored));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
