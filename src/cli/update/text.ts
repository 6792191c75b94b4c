import type { UpdateReport, UpdateStatus } from "../../domain/status.ts";
import type { Digest } from "../../domain/workload.ts";
import { formatAge, formatTable } from "../table.ts";

const SHOWN_DIGITS = "sha256:".length + 12;

/** `petiole update status` for people. */
export function formatUpdates(reports: readonly UpdateReport[]): string {
  if (reports.length === 0) return "no components are wanted";
  const table = formatTable([
    ["COMPONENT", "RUNS", "UPDATE", "TO", "LEFT", "BAD"],
    ...reports.map(({ component, running, update, bad }) => [
      component,
      short(running),
      formatUpdateState(update) ?? "-",
      update === undefined ? "-" : short(update.to),
      update?.left === undefined ? "-" : formatAge(update.left),
      String(bad.length),
    ]),
  ]);
  const reasons = reports.flatMap(({ component, update }) =>
    update?.reason === undefined ? [] : [`  ${component}: ${update.reason.code}: ${update.reason.message}`],
  );
  const bad = reports.flatMap(({ component, bad: versions }) =>
    versions.map(({ digest, at, message }) => [component, digest, new Date(at).toISOString(), message]),
  );
  const marked = bad.length === 0 ? [] : ["", formatTable([["COMPONENT", "BAD VERSION", "SINCE", "REASON"], ...bad])];
  return [table, ...reasons, ...marked].join("\n");
}

/** Undefined when there is none. */
export function formatUpdateState(update: UpdateStatus | undefined): string | undefined {
  return update === undefined ? undefined : update.state.replace("-", " ");
}

const short = (digest: Digest | undefined): string => digest?.slice(0, SHOWN_DIGITS) ?? "-";
