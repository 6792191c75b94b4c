// The control socket speaks one JSON object a line: a request, then its answer, any number of times on a connection.
// An operation that takes long may tell how far it is in lines before its answer:
//
//   {"op":"outbox-drain","params":{"wait":true}}
//   {"progress":{"left":[{"lane":"standard","rows":1200}],"paused":false}}
//   {"ok":true,"value":{"left":[],"paused":false}}

import type { ApplicationStatus, DeployReport, UndeployReport } from "../../domain/application.ts";
import { PetioleError, isErrorCode, type ErrorCode } from "../../domain/errors.ts";
import type { LinkSwapReport, LinksReport } from "../../domain/link-swap.ts";
import type { Lane, LedgerEntry, PublishReceipt } from "../../domain/outbox.ts";
import type {
  DrainReport,
  ExportReport,
  ImportReport,
  OutboxReport,
  TransferProgress,
} from "../../domain/outbox-report.ts";
import type { ComponentId, Digest, ProviderId } from "../../domain/workload.ts";
import type { AgentVersions, UpdateAnswer } from "../../domain/release.ts";
import type { LogReport } from "../../domain/log-report.ts";
import type { MetricFamily } from "../../domain/metrics.ts";
import type { AgentStatus, EnrolmentStatus, UpdateReport } from "../../domain/status.ts";
import type { TrustMemoryReport } from "../../domain/trust.ts";

/** File name of the control socket in the runtime folder. */
export const SOCKET_NAME = "petiole.sock";

/** A request longer than this ends the connection: a message of 1 MiB in base64 and its headers are shorter. */
export const MAX_REQUEST = 2 * 1024 * 1024;

/** What can be asked, with the types of its parameters, of each line of progress and of the answer. */
export interface ControlOperations {
  readonly status: Operation<NoParams, never, AgentStatus>;
  readonly metrics: Operation<NoParams, never, readonly MetricFamily[]>;
  readonly logs: Operation<LogsParams, never, LogReport>;
  readonly outbox: Operation<NoParams, never, OutboxReport>;
  readonly "outbox-ledger": Operation<LedgerParams, never, readonly LedgerEntry[]>;
  readonly "outbox-publish": Operation<PublishParams, never, PublishReceipt>;
  readonly "outbox-pause": Operation<NoParams, never, PauseReport>;
  readonly "outbox-resume": Operation<NoParams, never, PauseReport>;
  readonly "outbox-drain": Operation<DrainParams, DrainReport, DrainReport>;
  readonly "outbox-export": Operation<ExportParams, TransferProgress, ExportReport>;
  readonly "outbox-import": Operation<ImportParams, TransferProgress, ImportReport>;
  readonly apps: Operation<NoParams, never, readonly ApplicationStatus[]>;
  readonly "app-deploy": Operation<DeployParams, never, DeployReport>;
  readonly "app-undeploy": Operation<UndeployParams, never, UndeployReport>;
  readonly links: Operation<NoParams, never, LinksReport>;
  readonly "link-swap": Operation<LinkSwapParams, never, LinkSwapReport>;
  readonly "link-reset": Operation<LinkResetParams, never, LinkSwapReport>;
  readonly "enrolment-renew": Operation<NoParams, never, EnrolmentStatus>;
  readonly "trust-memory": Operation<NoParams, never, TrustMemoryReport>;
  readonly "agent-versions": Operation<NoParams, never, AgentVersions>;
  readonly "agent-upload": Operation<AgentUploadParams, never, { readonly size: number }>;
  readonly "agent-update": Operation<AgentUpdateParams, AgentUpdateProgress, UpdateAnswer>;
  readonly "agent-rollback": Operation<AgentRollbackParams, never, AgentRollbackReport>;
  readonly "update-status": Operation<NoParams, never, readonly UpdateReport[]>;
  readonly "update-decide": Operation<UpdateDecideParams, never, UpdateDecideReport>;
}
export type ControlOperation = keyof ControlOperations;

interface Operation<Params, Progress, Value> {
  readonly params: Params;
  readonly progress: Progress;
  readonly value: Value;
}

export type NoParams = Readonly<Record<string, never>>;

export interface LogsParams {
  /** Lines with a larger number only. */
  readonly since?: number | undefined;
}

export interface LedgerParams {
  readonly lane?: Lane | undefined;
  /** Entries with a larger id only. */
  readonly since?: number | undefined;
  /** So many, oldest first. */
  readonly limit?: number | undefined;
}

export interface PublishParams {
  readonly lane: Lane;
  readonly subject: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Base64. */
  readonly body: string;
  /** Milliseconds. */
  readonly ttl?: number | undefined;
}

export interface UpdateDecideParams {
  readonly component: ComponentId;
  readonly decision: "accept" | "rollback" | "forgive";
  /** Of the version to forgive; every one unless given. */
  readonly digest?: Digest | undefined;
  readonly dryRun: boolean;
}

export interface UpdateDecideReport {
  readonly dryRun: boolean;
  /** What is so now. */
  readonly report: UpdateReport;
}

/** A piece of a release; the first one begins anew. */
export interface AgentUploadParams {
  readonly offset: number;
  /** Of the whole. */
  readonly total: number;
  /** Base64. */
  readonly data: string;
}

export interface AgentUpdateParams {
  /** What was uploaded unless given. */
  readonly reference?: string | undefined;
  readonly dryRun: boolean;
  readonly allowDowngrade: boolean;
  /** Also a version that failed here before. */
  readonly again: boolean;
}

export interface AgentUpdateProgress {
  readonly bytes: number;
  readonly total: number;
}

export interface AgentRollbackParams {
  readonly dryRun: boolean;
}

export interface AgentRollbackReport {
  readonly from: string;
  /** Undefined stands for the packaged version, when nobody knows it. */
  readonly to: string | undefined;
}

export interface PauseReport {
  readonly paused: boolean;
}

export interface DrainParams {
  readonly wait: boolean;
}

export interface ExportParams {
  /** Absolute, on the agent's own file system. */
  readonly file: string;
  readonly dryRun: boolean;
  readonly lanes?: readonly Lane[] | undefined;
}

export interface DeployParams {
  /** What the manifest is called in messages. */
  readonly source: string;
  /** Absolute, on the agent's own file system: relative paths in the manifest start there. */
  readonly folder: string;
  readonly text: string;
  readonly dryRun: boolean;
}

export interface UndeployParams {
  readonly name: string;
  readonly dryRun: boolean;
}

export interface LinkSwapParams {
  readonly component: ComponentId;
  readonly to: ProviderId;
  /** Each says more closely which links are meant. */
  readonly name?: string | undefined;
  readonly from?: ProviderId | undefined;
  readonly interfaces?: readonly string[] | undefined;
  /** Of the link; unless given, the one that it has. */
  readonly config?: unknown;
  readonly dryRun: boolean;
}

export interface LinkResetParams {
  readonly component: ComponentId;
  readonly name?: string | undefined;
  readonly dryRun: boolean;
}

export interface ImportParams {
  readonly file: string;
  readonly dryRun: boolean;
}

export type ParamsOf<K extends ControlOperation> = ControlOperations[K]["params"];
export type ProgressOf<K extends ControlOperation> = ControlOperations[K]["progress"];
export type ValueOf<K extends ControlOperation> = ControlOperations[K]["value"];

export type ControlReply =
  | { readonly progress: unknown }
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/**
 * One line of the agent's.
 * @throws PetioleError ERR_CONTROL_PROTOCOL, or the error that the agent answered with
 */
export function parseReply(line: string): { readonly progress: unknown } | { readonly value: unknown } {
  const reply = parseObject(line);
  if (reply["ok"] === true) return { value: reply["value"] };
  if ("progress" in reply) return { progress: reply["progress"] };
  if (reply["ok"] === false && isErrorCode(reply["code"]) && typeof reply["message"] === "string") {
    throw new PetioleError(reply["code"], reply["message"]);
  }
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read the agent's answer: found ${line.slice(0, 80)}`);
}

/** @throws PetioleError ERR_CONTROL_PROTOCOL */
export function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read "${line.slice(0, 80)}": want a JSON object`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read "${line.slice(0, 80)}": want a JSON object`);
}
