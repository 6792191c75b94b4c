// What `petiole deploy`, `petiole undeploy` and `petiole apps` print for people.

import type { ApplicationChange, ApplicationStatus } from "../../domain/application.ts";
import type { StatusError } from "../../domain/status.ts";
import type { WadmStatus, WadmSummary } from "../../adapters/lattice/wasmcloud/wadm-client.ts";
import { formatTable } from "../table.ts";

const SIGNS = { add: "+", change: "~", remove: "-" } as const;

export const formatChanges = (changes: readonly ApplicationChange[]): string =>
  changes.length === 0
    ? "nothing changes"
    : changes.map(({ action, kind, id, what }) => `${SIGNS[action]} ${kind} ${id}: ${what}`).join("\n");

/** An application in a line, then a line for each of its parts. */
export function formatApplications(applications: readonly ApplicationStatus[]): string {
  if (applications.length === 0) return "no application is deployed";
  const rows = applications.flatMap(({ name, version, state, items, links, problem }) => [
    [name, version ?? "-", state, firstLine(problem)],
    ...items.map(({ name: item, id, state: itemState, instances, image, lastError }) => [
      `  ${item}`,
      "",
      itemState,
      lastError === undefined
        ? `${id}, ${image ?? "of another application"}${counted(instances)}`
        : firstLine(lastError),
    ]),
    ...links.map(({ source, target, interfaces, state: linkState, lastError }) => [
      `  ${source} → ${target}`,
      "",
      linkState,
      lastError === undefined ? interfaces.join(", ") : firstLine(lastError),
    ]),
  ]);
  return formatTable([["APPLICATION", "VERSION", "STATE", "DETAILS"], ...rows]);
}

const counted = (instances: number): string => (instances > 1 ? `, ${instances} instances` : "");
const firstLine = (error: StatusError | undefined): string =>
  error === undefined ? "" : `${error.code}: ${error.message.split("\n", 1)[0]}`;

/** What of an application does not run yet, or why it cannot. */
export function formatUnfinished({ items, links, problem }: ApplicationStatus): string {
  const parts = [
    ...(problem === undefined ? [] : [`${problem.code}: ${problem.message}`]),
    ...items
      .filter(({ state }) => ["starting", "fetching", "failed", "stopped", "taken"].includes(state))
      .map(({ name, state, lastError }) => `${name} is ${state}${reason(lastError)}`),
    ...links
      .filter(({ state }) => ["waiting", "failed", "taken"].includes(state))
      .map(({ source, target, state, lastError }) => `${source} → ${target} is ${state}${reason(lastError)}`),
  ];
  return parts.join("\n");
}

const reason = (error: StatusError | undefined): string =>
  error === undefined ? "" : `: ${error.code}: ${error.message}`;

/** Of wadm's own words. */
export function formatSummaries(models: readonly WadmSummary[]): string {
  if (models.length === 0) return "no application is known to wadm";
  const rows = models.flatMap(({ name, version, deployed_version: deployed, detailed_status: status }) => [
    [name, version, deployed ?? "-", status?.status.type ?? "-", status?.status.message ?? ""],
    ...(status?.scalers ?? []).map((scaler) => [
      `  ${scaler.name}`,
      "",
      "",
      scaler.status.type,
      `${scaler.kind}${scaler.status.message === "" ? "" : `: ${scaler.status.message}`}`,
    ]),
  ]);
  return formatTable([["APPLICATION", "NEWEST", "DEPLOYED", "STATE", "DETAILS"], ...rows]);
}

export function formatWadmStatus({ status, scalers }: WadmStatus): string {
  const open = scalers
    .filter((scaler) => scaler.status.type !== "deployed")
    .map(
      ({ name, kind, status: { type, message } }) =>
        `${name} (${kind}) is ${type}${message === "" ? "" : `: ${message}`}`,
    );
  return [`${status.type}${status.message === "" ? "" : `: ${status.message}`}`, ...open].join("\n");
}
