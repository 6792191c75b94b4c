import type { ComponentStatus, ProviderStatus } from "../../../domain/status.ts";
import type { HostStatus } from "../../../host/host.ts";
import type { HostEvent } from "./events.ts";
import { findItem, type Wanted } from "./wanted.ts";

export interface LateReportsDeps {
  readonly hostId: string;
  readonly wanted: () => Wanted;
  readonly running: () => HostStatus;
  readonly publish: (event: HostEvent) => void;
}

type Kind = "component" | "provider";
/** What there is to tell of an item: that it runs after all, or whatever comes of fetching it. */
type Due = "running" | "outcome";

/** What is told of items after the command that started them has come to its end. */
export interface LateReports {
  await(kind: Kind, id: string, due: Due): void;
  /** Tells what there is to tell by now. */
  report(): void;
}

export function createLateReports({ hostId, wanted, running, publish }: LateReportsDeps): LateReports {
  const waiting: Readonly<Record<Kind, Map<string, Due>>> = { component: new Map(), provider: new Map() };

  /** True when there is something to tell now. What has failed is tried again, and is waited for from then on. */
  function isDue(kind: Kind, id: string, due: Due, status: Status | undefined): boolean {
    if (status?.state === "running") return waiting[kind].delete(id);
    if (due === "running" || status?.state !== "failed") return false;
    waiting[kind].set(id, "running");
    return true;
  }

  function reportComponents(components: readonly ComponentStatus[]): void {
    for (const [id, due] of waiting.component) {
      const item = findItem(wanted().components, id);
      const status = components.find((one) => one.id === id);
      if (item === undefined) waiting.component.delete(id);
      if (item === undefined || !isDue("component", id, due, status)) continue;
      const { annotations, reference, count } = item;
      const data = { annotations, component_id: id, host_id: hostId, image_ref: reference, max_instances: count };
      if (status?.state === "running") publish({ name: "component_scaled", data });
      else publish({ name: "component_scale_failed", data: { ...data, error: reasonIn(status) } });
    }
  }

  function reportProviders(providers: readonly ProviderStatus[]): void {
    for (const [id, due] of waiting.provider) {
      const item = findItem(wanted().providers, id);
      const status = providers.find((one) => one.id === id);
      if (item === undefined) waiting.provider.delete(id);
      if (item === undefined || !isDue("provider", id, due, status)) continue;
      const { annotations, reference } = item;
      if (status?.state === "running") {
        const data = { host_id: hostId, image_ref: reference, provider_id: id, annotations };
        publish({ name: "provider_started", data });
      } else {
        const data = { provider_ref: reference, provider_id: id, host_id: hostId, link_name: "default" };
        publish({ name: "provider_start_failed", data: { ...data, error: reasonIn(status) } });
      }
    }
  }

  return {
    await: (kind, id, due) => void waiting[kind].set(id, due),
    report() {
      const { components, providers } = running();
      reportComponents(components);
      reportProviders(providers);
    },
  };
}

type Status = ComponentStatus | ProviderStatus;

const reasonIn = (status: Status | undefined): string => status?.lastError?.message ?? "it did not start";
