import type { OutboxReport } from "../../domain/outbox-report.ts";
import { formatBytes, formatOldest, formatTable } from "../table.ts";

/** `petiole outbox` for people. */
export function formatOutbox(report: OutboxReport): string {
  return [formatHead(report), "", formatLanes(report), ...formatErrors(report), formatUse(report)].join("\n");
}

function formatHead({ hub, forwarder, paused, store }: OutboxReport): string {
  const reason = hub.reason === undefined ? "" : ` (${hub.reason})`;
  const stream = forwarder.stream === undefined ? "" : `, stream ${forwarder.stream}`;
  const kept = store.reason === undefined ? "" : ` (${store.reason})`;
  return [
    hub.link === "disabled" ? "hub: none configured" : `hub: ${hub.link}${reason}${stream}`,
    `store: ${store.mode === "disk" ? "on disk" : "IN MEMORY ONLY"}${kept}`,
    ...(paused ? ["forwarding: PAUSED, until petiole outbox resume"] : []),
  ].join("\n");
}

function formatLanes({ stats, forwarder, rates }: OutboxReport): string {
  const rows = stats.lanes.map(({ lane, rows, bytes, oldest, oldestAge, dropped }) => {
    const rate = rates.find((one) => one.lane === lane);
    const state = forwarder.lanes.find((one) => one.lane === lane);
    return [
      lane,
      String(rows),
      formatBytes(bytes),
      formatOldest({ oldest, oldestAge }),
      formatRate(rate?.accepted),
      formatRate(rate?.delivered),
      String(dropped),
      state?.phase ?? "-",
      state === undefined ? "-" : String(state.inFlight),
    ];
  });
  const heading = ["LANE", "WAITING", "SIZE", "OLDEST", "IN/S", "OUT/S", "DROPPED", "FORWARDER", "IN FLIGHT"];
  return formatTable([heading, ...rows]);
}

function formatErrors({ forwarder }: OutboxReport): string[] {
  return forwarder.lanes.flatMap(({ lane, lastError }) =>
    lastError === undefined ? [] : [`  ${lane}: ${lastError.code}: ${lastError.message}`],
  );
}

function formatUse({ stats }: OutboxReport): string {
  const share = ((stats.bytes / stats.cap) * 100).toFixed(1);
  return `  ${formatBytes(stats.bytes)} of ${formatBytes(stats.cap)} used (${share} %), last sequence ${stats.lastSeq}`;
}

function formatRate(rate: number | undefined): string {
  if (rate === undefined) return "-";
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
