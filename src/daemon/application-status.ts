// How an application that is deployed does. Pure.

import type { ApplicationItem, ApplicationLink, ApplicationState, ApplicationStatus } from "../domain/application.ts";
import { ERROR_CATALOGUE, isErrorCode } from "../domain/errors.ts";
import type { ComponentStatus, StatusError } from "../domain/status.ts";
import type { HostStatus } from "../host/host.ts";
import type { Manifest } from "../oam/manifest.ts";
import type { AppLink, PlacedComponent, Translation } from "../oam/translate.ts";

export interface DeployedApplication {
  readonly manifest: Manifest;
  readonly translation: Translation;
  /** Ids that the device's own configuration has. */
  readonly taken: ReadonlySet<string>;
  /** False until everything of it had its first try. */
  readonly tried: boolean;
  readonly problem: StatusError | undefined;
}

export function applicationStatus(application: DeployedApplication, running: HostStatus): ApplicationStatus {
  const { manifest, translation, taken, tried, problem } = application;
  const items = translation.placed.map((placed) => itemStatus(placed, taken, running, tried));
  const links = translation.links.map((link) => linkStatus(link, taken, running, tried));
  const { name, version, description } = manifest;
  const state = problem === undefined ? stateOf([...items, ...links], tried) : "failed";
  return { name, version, description, state, items, links, problem };
}

function itemStatus(
  placed: PlacedComponent,
  taken: ReadonlySet<string>,
  running: HostStatus,
  tried: boolean,
): ApplicationItem {
  const { name, id, kind, image, instances, placement } = placed;
  const shown = { name, id, kind, image, instances };
  if (placement !== "here") return { ...shown, state: placement, lastError: undefined };
  if (taken.has(id)) return { ...shown, state: "taken", lastError: undefined };
  if (kind === "capability") {
    const status = running.providers.find((one) => one.id === id);
    return {
      ...shown,
      state: tried ? (status?.state ?? "starting") : "starting",
      lastError: tried ? status?.lastError : undefined,
    };
  }
  const status = tried ? running.components.find((one) => one.id === id) : undefined;
  return { ...shown, ...componentState(status) };
}

function componentState(status: ComponentStatus | undefined): Pick<ApplicationItem, "state" | "lastError"> {
  if (status === undefined) return { state: "starting", lastError: undefined };
  const { state, image, update, lastError } = status;
  // The one of before runs on until the new one is there, or for good when that is none.
  if (update?.state === "refused" || update?.state === "rolled-back")
    return { state: "failed", lastError: update.reason };
  if (state === "running" && image !== undefined && image.digest === undefined) return { state: "fetching", lastError };
  return { state: update?.state === "starting" ? "starting" : state, lastError };
}

function linkStatus(link: AppLink, taken: ReadonlySet<string>, running: HostStatus, tried: boolean): ApplicationLink {
  const { name, source, target, interfaces, here } = link;
  const shown = { name, source, target, interfaces };
  if (!here) return { ...shown, state: "elsewhere", lastError: undefined };
  if (taken.has(source) || taken.has(target)) return { ...shown, state: "taken", lastError: undefined };
  const status = tried
    ? running.links.find(
        (one) =>
          one.name === name && one.source === source && one.target === target && isSame(one.interfaces, interfaces),
      )
    : undefined;
  return { ...shown, state: status?.state ?? "waiting", lastError: status?.lastError };
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name) => other.includes(name));

function stateOf(parts: readonly (ApplicationItem | ApplicationLink)[], tried: boolean): ApplicationState {
  if (!tried) return "waiting";
  const broken = parts.filter(({ state }) => state === "failed" || state === "taken");
  if (broken.some(({ lastError }) => lastError === undefined || !mayPass(lastError))) return "failed";
  const unfinished = parts.some(({ state }) => ["fetching", "starting", "waiting", "stopped"].includes(state));
  return broken.length > 0 || unfinished ? "waiting" : "deployed";
}

const mayPass = ({ code }: StatusError): boolean => isErrorCode(code) && ERROR_CATALOGUE[code].retryable;
