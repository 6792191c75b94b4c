import type { DeadLetter } from "../domain/inbox.ts";
import type {
  AgentStatus,
  EnrolmentStatus,
  ComponentStatus,
  ProviderReport,
  ProviderStatus,
  StatusError,
  UpdateStatus,
} from "../domain/status.ts";
import type { ComponentTrust } from "../domain/trust.ts";
import { formatAge, formatBytes, formatOldest, formatTable } from "./table.ts";

/** `petiole status` for people. */
export function formatStatus(status: AgentStatus): string {
  const sections = [
    formatHead(status),
    formatDesired(status),
    formatLattice(status),
    formatOperator(status),
    formatComponents(status.components),
    formatProviders(status.providers),
    formatLinks(status),
    formatOutbox(status),
    formatInbox(status),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

function formatHead(status: AgentStatus): string {
  const { device, version, pid, state, uptime, rss, service, notices, hub, clock, enrolment } = status;
  const echo = hub.rtt === undefined ? "" : `, echo ${hub.rtt.toFixed(0)} ms`;
  const server = hub.server === undefined ? "" : `, nats-server ${hub.server}`;
  const reason = hub.reason === undefined ? "" : ` (${hub.reason})`;
  return [
    `${device}: petiole ${version}, ${state}, pid ${pid}, up ${formatAge(uptime)}, ${formatBytes(rss)} resident`,
    hub.link === "disabled"
      ? "hub: none configured, working offline"
      : `hub: ${hub.link}${reason}, ${hub.mode} mode${server}${echo}`,
    ...(enrolment === undefined ? [] : [formatEnrolment(enrolment)]),
    formatClock(clock),
    ...notices.map(({ code, message }) => `attention: ${code}: ${message}`),
    ...(service?.memory.limits === "off" ? [`attention: ${service.memory.reason ?? "limits of memory are off"}`] : []),
  ].join("\n");
}

/** Also what `petiole enrol --rotate` prints. */
export function formatEnrolment({ name, expires, renewal, trying, problem }: EnrolmentStatus): string {
  const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ");
  const until = expires === undefined ? "without an end" : `until ${day(expires)}`;
  const next = renewal === undefined ? "" : `, renewed from ${day(renewal)} on (UTC)`;
  const trial = trying ? ", new ones are tried" : "";
  const why = problem === undefined ? "" : `\n  ${problem.code}: ${problem.message}`;
  return `enrolment: as ${name}, credentials ${until}${next}${trial}${why}`;
}

function formatClock({ state, wall, by, reason, hubOffset }: AgentStatus["clock"]): string {
  const shows = new Date(wall).toISOString();
  const tenths = hubOffset === undefined ? 0 : Math.round(hubOffset / 100);
  const ahead =
    hubOffset === undefined ? "" : `, the hub's is ${Math.abs(tenths) / 10} s ${tenths < 0 ? "behind" : "ahead"}`;
  if (by !== undefined) return `clock: ${shows}, ${state}, by ${by}${ahead}`;
  return `clock: ${shows}, ${state === "wrong" ? "WRONG" : "not to be trusted"}: ${reason ?? "for no known reason"}${ahead}`;
}

function formatDesired({ desired }: AgentStatus): string {
  const { file, document, refused, hub, lastError } = desired;
  const lines = [`desired state: ${file}`];
  if (hub !== "off") {
    const asked = hub === "watching" ? "the hub is watched" : `the hub cannot be asked${reasonFor(lastError)}`;
    lines.push(
      document === undefined
        ? `  no document of the hub; ${asked}`
        : `  revision ${document.revision} of the hub's document (${[
            counted(document.components.length, "component"),
            counted(document.providers.length, "provider"),
            counted(document.links, "link"),
          ].join(", ")}); ${asked}`,
    );
  }
  if (refused !== undefined) {
    lines.push(
      `  revision ${refused.revision} is refused: ${refused.code}: ${refused.message.replaceAll("\n", "\n    ")}`,
    );
  }
  return lines.join("\n");
}

function formatLattice({ lattice }: AgentStatus): string {
  if (lattice === undefined) return "";
  const { name, host, state, components, providers, buckets, lastError } = lattice;
  const asked = [counted(components.length, "component"), counted(providers.length, "provider")].join(" and ");
  const shared =
    buckets === "shared" ? "" : `\n  links and configurations are this device's own copy${reasonFor(lastError)}`;
  return `lattice: ${state === "joined" ? "host of" : "not connected to"} "${name}" as ${host}, which wants ${asked}${shared}`;
}

function formatOperator({ operator }: AgentStatus): string {
  if (operator === undefined) return "";
  const { host, name, state, lastHeard, workloads } = operator;
  const there =
    state === "connecting"
      ? "not connected"
      : lastHeard === undefined
        ? "which has not asked anything yet"
        : `which last asked ${formatAge(lastHeard)} ago`;
  const head = `operator: host "${host}" (${name}), ${state === "connecting" ? there : `for an operator ${there}`}`;
  if (workloads.length === 0) return head;
  const rows = workloads.map((one) => [`${one.namespace}/${one.name}`, one.state, one.id]);
  return [
    head,
    formatTable([["WORKLOAD", "STATE", "ID"], ...rows]),
    ...workloads.filter((one) => one.state === "error").map((one) => `  ${one.namespace}/${one.name}: ${one.message}`),
  ].join("\n");
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
const reasonFor = (error: StatusError | undefined): string => (error === undefined ? "" : `: ${error.message}`);

function formatComponents(components: readonly ComponentStatus[]): string {
  if (components.length === 0) return "";
  const judged = components.some(({ trust }) => trust !== undefined);
  const rows = components.map(({ calls, failures, restarts, memory, cpuTime, digest, trust, ...component }) => [
    component.id,
    formatState(component),
    String(calls),
    String(failures),
    String(restarts),
    formatBytes(memory),
    `${(cpuTime / 1000).toFixed(1)} s`,
    digest?.slice(0, "sha256:".length + 12) ?? "-",
    ...(judged ? [trust?.version ?? "-", formatSigners(trust)] : []),
  ]);
  const heading = ["COMPONENT", "STATE", "CALLS", "FAILED", "RESTARTS", "MEMORY", "CPU", "DIGEST"];
  return [
    formatTable([judged ? [...heading, "VERSION", "SIGNED BY"] : heading, ...rows]),
    ...components.flatMap(formatImage),
    ...components.flatMap(formatUpdate),
    ...components.flatMap(formatBreaches),
    ...formatErrors(components),
  ].join("\n");
}

function formatState({ state, degraded, update }: Pick<ComponentStatus, "state" | "degraded" | "update">): string {
  if (degraded) return "degraded";
  const goesOn = update?.state === "trial" || update?.state === "starting";
  return goesOn && state === "running" ? (update.state === "trial" ? "trial" : "updating") : state;
}

/** What became of an update that did not come to a good end. */
function formatUpdate({ id, update }: ComponentStatus): string[] {
  if (update === undefined) return [];
  const [from, to] = [update.from, update.to].map(
    (digest) => digest?.slice(0, "sha256:".length + 12) ?? "another version",
  );
  const texts: Record<UpdateStatus["state"], string> = {
    starting: `${to} is started beside ${from}`,
    trial: `on trial in place of ${from}, for ${formatAge(update.left ?? 0)} more`,
    refused: `keeps ${from}; ${to} is refused`,
    "rolled-back": `went back to ${from} from ${to}`,
  };
  return [`  ${id}: ${texts[update.state]}`];
}

function formatSigners(trust: ComponentTrust | undefined): string {
  if (trust === undefined) return "-";
  if (!trust.trusted) return `not trusted: ${trust.reason ?? ""}`;
  return trust.signers.length === 0 ? "listed digest" : trust.signers.join(", ");
}

function formatImage({ id, image }: ComponentStatus | ProviderStatus): string[] {
  if (image === undefined) return [];
  const { reference, digest, fetching } = image;
  const known =
    digest === undefined || reference.includes(digest) ? "" : ` is ${digest.slice(0, "sha256:".length + 12)}`;
  if (fetching === undefined) return [`  ${id}: image ${reference}${known}`];
  const how =
    fetching === "resolving"
      ? "its source is asked"
      : `${formatBytes(fetching.bytes)} of ${formatBytes(fetching.total)} fetched`;
  return [`  ${id}: image ${reference}${known}; ${how}`];
}

/** Limits that were reached, when any was. */
function formatBreaches({ id, breaches }: ComponentStatus): string[] {
  const reached = Object.entries(breaches).filter(([, count]) => count > 0);
  if (reached.length === 0) return [];
  return [`  ${id}: limits reached: ${reached.map(([limit, count]) => `${limit} ${count} times`).join(", ")}`];
}

function formatProviders(providers: readonly ProviderStatus[]): string {
  if (providers.length === 0) return "";
  const rows = providers.map(({ id, type, state, report }) => [
    id,
    type,
    state === "running" ? healthOf(report) : state,
  ]);
  return [
    formatTable([["PROVIDER", "TYPE", "STATE"], ...rows]),
    ...providers.flatMap(formatImage),
    ...providers.flatMap(formatReport),
    ...providers.flatMap(formatProviderInbox),
    ...formatErrors(providers),
  ].join("\n");
}

function healthOf(report: ProviderReport | undefined): string {
  if (report?.healthy === false) return "unhealthy";
  return report !== undefined && report.healthy === undefined ? "running, silent" : "running";
}

/** Of one that is a process: which, what it came from, and whether anybody vouches for it. */
function formatReport({ id, report }: ProviderStatus): string[] {
  if (report === undefined) return [];
  const { pid, restarts, digest, trust, name } = report;
  const process = pid === undefined ? "no process" : `process ${pid}`;
  const signed = trust === undefined ? "" : `, ${trust.version ?? "no version"} by ${formatSigners(trust)}`;
  const called = name === undefined ? "" : `${name}, `;
  return [`  ${id}: ${called}${process}, ${restarts} restarts, ${digest.slice(0, "sha256:".length + 12)}${signed}`];
}

/** Of one that stores messages before it hands them to components. */
function formatProviderInbox({ id, inbox }: ProviderStatus): string[] {
  if (inbox === undefined || (inbox.waiting === 0 && inbox.stored === 0 && inbox.dead.length === 0)) return [];
  const { waiting, handled, failures, dead, deadForgotten } = inbox;
  const size = formatBytes(inbox.bytes);
  const counts = `${handled} handled, ${failures} failed, ${dead.length + deadForgotten} given up`;
  return [`  ${id}: ${counted(waiting, "message")} waiting (${size}), ${counts}`, ...formatLetters(dead)];
}

function formatErrors(items: readonly (ComponentStatus | ProviderStatus)[]): string[] {
  return items.flatMap(({ id, lastError }) =>
    lastError === undefined ? [] : [`  ${id}: ${lastError.code}: ${lastError.message}`],
  );
}

function formatLinks({ links }: AgentStatus): string {
  if (links.length === 0) return "";
  return formatTable([
    ["FROM", "TO", "INTERFACES", "NAME"],
    ...links.map(({ source, target, interfaces, name }) => [source, target, interfaces.join(", "), name]),
  ]);
}

function formatOutbox({ outbox }: AgentStatus): string {
  const rows = outbox.lanes.map(({ lane, rows, bytes, oldest, oldestAge, acknowledged, dropped }) => [
    lane,
    String(rows),
    formatBytes(bytes),
    formatOldest({ oldest, oldestAge }),
    String(acknowledged),
    String(dropped),
  ]);
  const table = formatTable([["LANE", "WAITING", "SIZE", "OLDEST", "ACKNOWLEDGED UP TO", "DROPPED"], ...rows]);
  return `${table}\n  ${formatBytes(outbox.bytes)} of ${formatBytes(outbox.cap)} used`;
}

const SHOWN_DEAD = 10;

/** Nothing on a device that receives nothing and never did. */
function formatInbox({ inbox }: AgentStatus): string {
  const { hub, dead } = inbox;
  if (hub.state === "off" && inbox.waiting === 0 && inbox.stored === 0 && dead.length === 0) return "";
  const row = [
    hub.stream ?? "-",
    hub.state,
    String(inbox.waiting),
    formatBytes(inbox.bytes),
    String(inbox.handled),
    String(inbox.failures),
    String(dead.length + inbox.deadForgotten),
  ];
  const table = formatTable([["INBOX", "STATE", "WAITING", "SIZE", "HANDLED", "FAILED", "GIVEN UP"], row]);
  const unclaimed =
    inbox.unclaimed === 0 ? [] : [`  ${counted(inbox.unclaimed, "message")} that no subscription takes`];
  const error = hub.lastError === undefined ? [] : [`  ${hub.lastError.code}: ${hub.lastError.message}`];
  return [table, ...error, ...unclaimed, ...formatLetters(dead)].join("\n");
}

const formatLetters = (dead: readonly DeadLetter[]): string[] =>
  dead.slice(-SHOWN_DEAD).map(({ subject, seq, attempts, reason }) => {
    return `  given up: ${subject} (${seq}) after ${counted(attempts, "attempt")}: ${reason}`;
  });
