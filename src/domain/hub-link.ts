import type { Millis } from "./units.ts";

/** `disabled`: no hub is configured. `degraded`: a link is there, but the hub does not answer an echo. */
export type HubLink = "disabled" | "offline" | "degraded" | "online";

export interface HubLinkState {
  readonly link: HubLink;
  readonly mode: "leaf" | "direct" | "none";
  /** Round trip of the last echo that the hub answered. */
  readonly rtt: Millis | undefined;
  /** Why the link is not online, for people. */
  readonly reason: string | undefined;
  /** Version of the local nats-server in leaf mode, of the hub's in direct mode. */
  readonly server: string | undefined;
}
