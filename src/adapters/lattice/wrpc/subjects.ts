// Every subject of calls between hosts.

const PROTOCOL = "wrpc.0.0.1";

export interface CallAddress {
  readonly lattice: string;
  /** Id of the component or provider that is called. */
  readonly target: string;
  /** As WIT has it, version included; undefined for functions of the world itself. */
  readonly instance: string | undefined;
  /** The WIT name: `get`, `[method]bucket.get`. */
  readonly name: string;
}

export function callSubject({ lattice, target, instance, name }: CallAddress): string {
  const bare = name.replace(/^\[[a-z]+\]/, "");
  return [lattice, target, PROTOCOL, ...(instance === undefined ? [] : [instance]), bare].join(".");
}

/** One host of those that run the target takes each call: all of them use this very text. */
export const callQueue = (lattice: string, target: string): string => `${lattice}.${target}`;

export const PARAMS = "params";
export const RESULTS = "results";

/** Where the parameters or results go, or the async parts of them at `path`. */
export const channelSubject = (inbox: string, channel: string, path = ""): string =>
  path === "" ? `${inbox}.${channel}` : `${inbox}.${channel}.${path}`;
