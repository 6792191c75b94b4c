// The events of a host, as CloudEvents 1.0. Clients and wadm compare several of these fields byte for byte.

import type { Inventory, Link } from "./wire.ts";

type Texts = Readonly<Record<string, string>>;

export interface ComponentEventData {
  readonly annotations: Texts;
  readonly host_id: string;
  readonly image_ref: string;
  readonly max_instances: number;
  readonly component_id: string;
}

/** Name of an event and its data. */
export type HostEvent =
  | {
      readonly name: "host_started";
      readonly data: {
        readonly friendly_name: string;
        readonly labels: Texts;
        readonly uptime_seconds: number;
        readonly version: string;
      };
    }
  | { readonly name: "host_heartbeat"; readonly data: Inventory }
  | { readonly name: "host_stopped"; readonly data: { readonly labels: Texts } }
  | { readonly name: "component_scaled"; readonly data: ComponentEventData }
  | { readonly name: "component_scale_failed"; readonly data: ComponentEventData & { readonly error: string } }
  | {
      readonly name: "provider_started";
      readonly data: {
        readonly host_id: string;
        readonly image_ref: string;
        readonly provider_id: string;
        readonly annotations: Texts;
      };
    }
  | {
      readonly name: "provider_start_failed";
      readonly data: {
        readonly provider_ref: string;
        readonly provider_id: string;
        readonly host_id: string;
        readonly link_name: string;
        readonly error: string;
      };
    }
  | {
      readonly name: "provider_stopped";
      readonly data: {
        readonly host_id: string;
        readonly provider_id: string;
        readonly instance_id: string;
        readonly public_key: string;
        readonly link_name: string;
        readonly annotations: Texts;
        readonly reason: string;
      };
    }
  | {
      readonly name: "health_check_passed" | "health_check_failed" | "health_check_status";
      readonly data: { readonly host_id: string; readonly provider_id: string };
    }
  | { readonly name: "linkdef_set"; readonly data: Link }
  | { readonly name: "linkdef_set_failed"; readonly data: Link & { readonly error: string } }
  | {
      readonly name: "linkdef_deleted";
      readonly data: Pick<Link, "source_id" | "name" | "wit_namespace" | "wit_package"> &
        Partial<Pick<Link, "target" | "interfaces">>;
    }
  | { readonly name: "config_set" | "config_deleted"; readonly data: { readonly config_name: string } }
  | { readonly name: "labels_changed"; readonly data: { readonly host_id: string; readonly labels: Texts } };

export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly datacontenttype: "application/json";
  readonly time: string;
  readonly data: HostEvent["data"];
}

export function cloudEvent(
  { name, data }: HostEvent,
  { host, id, time }: { readonly host: string; readonly id: string; readonly time: Date },
): CloudEvent {
  return {
    specversion: "1.0",
    id,
    type: `com.wasmcloud.lattice.${name}`,
    source: host,
    datacontenttype: "application/json",
    time: time.toISOString(),
    data,
  };
}
