import type { MetricFamily, NumberSample } from "../domain/metrics.ts";
import type { AgentStatus, ComponentStatus } from "../domain/status.ts";

type NumberFamily = Extract<MetricFamily, { readonly kind: "counter" | "gauge" }>;

/** What a status says in numbers. */
export function agentMetrics(status: AgentStatus): MetricFamily[] {
  const { components, providers, outbox, inbox, hub } = status;
  const one = (value: number): readonly NumberSample[] => [{ labels: {}, value }];
  const gauge = (name: string, help: string, samples: readonly NumberSample[]): NumberFamily => ({
    name: `petiole_${name}`,
    help,
    kind: "gauge",
    samples,
  });
  const counter = (name: string, help: string, samples: readonly NumberSample[]): NumberFamily => ({
    ...gauge(name, help, samples),
    kind: "counter",
  });
  const each = (read: (component: ComponentStatus) => number): NumberSample[] =>
    components.map((component) => ({ labels: { component: component.id }, value: read(component) }));
  const lanes = (read: (lane: (typeof outbox.lanes)[number]) => number): NumberSample[] =>
    outbox.lanes.map((lane) => ({ labels: { lane: lane.lane }, value: read(lane) }));

  return [
    gauge("info", "The agent: always 1.", [{ labels: { device: status.device, version: status.version }, value: 1 }]),
    gauge("uptime_seconds", "Time since the agent started.", one(status.uptime)),
    gauge("resident_memory_bytes", "Resident memory of the agent's process.", one(status.rss)),
    gauge("hub_connected", "Whether the hub is there.", one(hub.link === "online" ? 1 : 0)),
    gauge(
      "component_running",
      "Whether the component runs.",
      each(({ state }) => (state === "running" ? 1 : 0)),
    ),
    counter(
      "component_calls_total",
      "Calls of the component.",
      each(({ calls }) => calls),
    ),
    counter(
      "component_failures_total",
      "Calls of the component that failed.",
      each(({ failures }) => failures),
    ),
    counter(
      "component_restarts_total",
      "Times that its instances were replaced.",
      each(({ restarts }) => restarts),
    ),
    gauge(
      "component_instances",
      "Instances of the component.",
      each(({ instances }) => instances),
    ),
    gauge(
      "component_memory_bytes",
      "Linear memory of its instances.",
      each(({ memory }) => memory),
    ),
    counter(
      "component_cpu_seconds_total",
      "Time that its code computed.",
      each(({ cpuTime }) => cpuTime / 1000),
    ),
    gauge(
      "provider_running",
      "Whether the provider runs.",
      providers.map(({ id, type, state }) => ({ labels: { provider: id, type }, value: state === "running" ? 1 : 0 })),
    ),
    gauge(
      "outbox_messages",
      "Messages that wait for the hub.",
      lanes(({ rows }) => rows),
    ),
    gauge(
      "outbox_bytes",
      "Bytes of messages that wait for the hub.",
      lanes(({ bytes }) => bytes),
    ),
    counter(
      "outbox_dropped_total",
      "Messages that were given up.",
      lanes(({ dropped }) => dropped),
    ),
    gauge("inbox_messages", "Messages of the hub that wait for a component.", one(inbox.waiting)),
    counter("inbox_handled_total", "Messages of the hub that were handled.", one(inbox.handled)),
    counter("inbox_failures_total", "Times that handling one failed.", one(inbox.failures)),
  ];
}
