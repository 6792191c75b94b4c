import type { AgentStatus } from "../domain/status.ts";
import type { Finding } from "./finding.ts";

/** What a running agent says of itself. */
export function examineAgent(status: AgentStatus | undefined): Finding[] {
  if (status === undefined) {
    const remedy = "systemctl status petiole; what only it knows is left out here";
    return [{ check: "agent", level: "warning", message: "none answers", remedy }];
  }
  return [running(status), hub(status), store(status), ...notices(status), ...workloads(status)];
}

function running({ device, version, state, uptime }: AgentStatus): Finding {
  const message = `${device}, petiole ${version}, ${state} for ${Math.round(uptime)} s`;
  return { check: "agent", level: "ok", message };
}

function hub({ hub: { link, reason, server } }: AgentStatus): Finding {
  const check = "hub";
  if (link === "disabled") return { check, level: "note", message: "none is configured: what is published stays here" };
  if (link === "online")
    return { check, level: "ok", message: `online${server === undefined ? "" : `, nats-server ${server}`}` };
  return {
    check,
    level: "warning",
    message: `${link}: ${reason ?? "no reason known"}`,
    remedy: "docs/leaf.md; nothing is lost meanwhile",
  };
}

function store({ outbox: { store: health, lanes } }: AgentStatus): Finding {
  const check = "store";
  if (health.mode === "memory") {
    const message = `in memory only: ${health.reason ?? "the medium cannot be written"}`;
    return { check, level: "fault", message, remedy: "what is published now does not survive a restart" };
  }
  if (health.reason !== undefined) return { check, level: "fault", message: `commits fail: ${health.reason}` };
  const dropped = lanes.reduce((sum, lane) => sum + lane.dropped, 0);
  const time = health.commitTime === undefined ? "" : `, a commit takes ${Math.round(health.commitTime.p50)} ms`;
  if (dropped === 0) return { check, level: "ok", message: `on disk${time}, nothing was given up` };
  return {
    check,
    level: "note",
    message: `on disk${time}; ${dropped} messages were given up`,
    remedy: "petiole outbox ledger",
  };
}

function notices({ notices: said }: AgentStatus): Finding[] {
  return said.map(({ code, message }) => ({ check: "agent", level: "warning", message: `${code}: ${message}` }));
}

function workloads({ components, providers }: AgentStatus): Finding[] {
  const failed = [...components, ...providers].filter(({ state }) => state === "failed");
  return failed.map(({ id, lastError }) => ({
    check: "workloads",
    level: "warning",
    message: `${id} does not run: ${lastError === undefined ? "no reason known" : `${lastError.code}: ${lastError.message}`}`,
  }));
}
