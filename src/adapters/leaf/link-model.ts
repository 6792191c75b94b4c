// The state of the link to the hub, from what two probes say. Pure: times and results come in.
//
// A client behind a leaf node is told nothing when the hub goes away, and its publishes go on to succeed. So the link
// counts as online only while the hub itself answers: the leaf's connection says whether there is a path, an echo
// from the hub whether it carries anything.

import type { HubLinkState } from "../../domain/hub-link.ts";
import type { Millis } from "../../domain/units.ts";

/** What is known of the connection under the link. */
export interface PathSample {
  readonly up: boolean;
  /** Why it is down, for people. */
  readonly reason?: string | undefined;
  /** Version of the local server in leaf mode, of the hub's in direct mode. */
  readonly server?: string | undefined;
  /** Tells this connection from one before it, where that is known: it may have been made anew between two looks. */
  readonly connection?: string | undefined;
}

export type EchoResult =
  | { readonly kind: "answered"; readonly rtt: Millis }
  | { readonly kind: "failed"; readonly reason: string };

export type LinkInput =
  | { readonly kind: "path"; readonly sample: PathSample }
  /** `path` is the model's value when the echo was sent: an echo over an earlier path says nothing about this one. */
  | { readonly kind: "echo"; readonly path: number; readonly result: EchoResult };

export interface LinkModel {
  readonly mode: "leaf" | "direct";
  readonly sample: PathSample;
  /** Counts the paths there have been; grows when one comes up, goes down or is another. */
  readonly path: number;
  /** Last echo over this path. */
  readonly echo: EchoResult | undefined;
  readonly rtt: Millis | undefined;
}

export function initialLinkModel(mode: "leaf" | "direct"): LinkModel {
  return { mode, sample: { up: false, reason: "not connected yet" }, path: 0, echo: undefined, rtt: undefined };
}

export function updateLink(model: LinkModel, input: LinkInput): LinkModel {
  if (input.kind === "echo") {
    if (input.path !== model.path || !model.sample.up) return model;
    const { result } = input;
    return { ...model, echo: result, rtt: result.kind === "answered" ? result.rtt : model.rtt };
  }
  const { sample } = input;
  // A path that stays up keeps its echo; any other change starts over.
  const same = sample.connection === model.sample.connection;
  if (sample.up && model.sample.up && same) return { ...model, sample };
  if (!sample.up && !model.sample.up) return { ...model, sample };
  return { ...model, sample, path: model.path + 1, echo: undefined };
}

export function describeLink({ mode, sample, echo, rtt }: LinkModel): HubLinkState {
  const state = { mode, rtt, server: sample.server };
  if (!sample.up) return { ...state, link: "offline", reason: sample.reason ?? "no connection to the hub" };
  if (echo === undefined) return { ...state, link: "degraded", reason: "waiting for the hub's first answer" };
  if (echo.kind === "failed") return { ...state, link: "degraded", reason: echo.reason };
  return { ...state, link: "online", reason: undefined };
}

/** True when people and the forwarder should be told; the round trip alone changes with every echo. */
export function isLinkChange(before: HubLinkState, after: HubLinkState): boolean {
  return before.link !== after.link || before.reason !== after.reason || before.server !== after.server;
}
