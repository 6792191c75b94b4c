import type { MetricFamily, NumberSample } from "../domain/metrics.ts";
import type { AgentStatus, ComponentStatus, ServiceStatus } from "../domain/status.ts";

type NumberFamily = Extract<MetricFamily, { readonly kind: "counter" | "gauge" }>;

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

/** What a status says in numbers. */
export function agentMetrics(status: AgentStatus): MetricFamily[] {
  const { components, providers, outbox, inbox, hub, service } = status;
  const each = (read: (component: ComponentStatus) => number): NumberSample[] =>
    components.map((component) => ({ labels: { component: component.id }, value: read(component) }));
  const lanes = (read: (lane: (typeof outbox.lanes)[number]) => number): NumberSample[] =>
    outbox.lanes.map((lane) => ({ labels: { lane: lane.lane }, value: read(lane) }));

  return [
    gauge("info", "The agent: always 1.", [{ labels: { device: status.device, version: status.version }, value: 1 }]),
    gauge("uptime_seconds", "Time since the agent started.", one(status.uptime)),
    gauge("resident_memory_bytes", "Resident memory of the agent's process.", one(status.rss)),
    gauge("build_info", "What the agent is made of: always 1.", [
      { labels: { version: status.version, node: process.versions.node, arch: process.arch }, value: 1 },
    ]),
    gauge(
      "start_time_seconds",
      "Unix time when the agent started, as the device's clock has it now.",
      one(status.clock.wall / 1000 - status.uptime),
    ),
    ...(service === undefined ? [] : serviceMetrics(service)),
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

/** What the kernel does not say is left out, as is a watchdog that nobody set. */
function serviceMetrics({ watchdog, memory, cpu, written, suppressed }: ServiceStatus): MetricFamily[] {
  const optional = (value: number | undefined, make: (samples: readonly NumberSample[]) => MetricFamily) =>
    value === undefined ? [] : [make(one(value))];
  return [
    counter("cpu_seconds_total", "Time that the agent's process computed.", one(cpu)),
    ...optional(memory.anonymous, (samples) =>
      gauge("anonymous_memory_bytes", "Memory of the agent's process that no file stands behind.", samples),
    ),
    ...optional(memory.max, (samples) =>
      gauge("memory_limit_bytes", "Memory at which the kernel ends the agent.", samples),
    ),
    gauge(
      "memory_limits_ignored",
      "Whether the kernel ignores limits of memory.",
      one(memory.limits === "off" ? 1 : 0),
    ),
    ...optional(written, (samples) =>
      counter("disk_written_bytes_total", "Bytes that the agent had written to disks.", samples),
    ),
    counter("log_suppressed_total", "Lines that were left out of the log.", one(suppressed)),
    ...(watchdog === undefined
      ? []
      : [
          gauge("watchdog_period_seconds", "Longest time between two signs of life.", one(watchdog.period / 1000)),
          gauge("watchdog_age_seconds", "Time since the last sign of life.", one(watchdog.fedAgo / 1000)),
          gauge(
            "watchdog_least_margin_seconds",
            "Least time that was left of the period at a sign of life.",
            one(watchdog.leastMargin / 1000),
          ),
        ]),
  ];
}
