import { WitError, isPetioleError, type PetioleError } from "#provider";

/**
 * The `err` strings of `wasmcloud:messaging`. The word before the colon is for programs, what follows is for people;
 * codes and texts of the host stay outside of the component.
 */
const REASONS: Partial<Record<PetioleError["code"], string>> = {
  ERR_LATTICE_UNREACHABLE: "unreachable: there is no connection, or nobody answered in time",
  ERR_LATTICE_MESSAGE: "refused: the server does not take a message of this subject or size",
  ERR_OUTBOX_FULL: "full: the store for outgoing messages has no room for this one",
  ERR_OUTBOX_SHED: "shed: the lane for messages of this kind is full and takes no new ones for now",
  ERR_OUTBOX_QUOTA: "quota-exceeded: this component's share of the store for outgoing messages is used up",
  ERR_OUTBOX_TOO_LARGE: "too-large: the message is larger than the store accepts",
  ERR_STORE_VOLATILE: "unavailable: the store does not survive a reboot, and this lane promises that",
  ERR_STORE_FAILED: "unavailable: the store could not take the message",
};

/** Turns what `publish` or `request` failed with into the interface's error; anything unexpected stays as it is. */
export function toMessagingError(error: unknown): unknown {
  if (!isPetioleError(error)) return error;
  const reason = REASONS[error.code];
  return reason === undefined ? error : new WitError(reason);
}

export const invalidSubject = (): WitError =>
  new WitError("invalid-subject: a subject is made of tokens between dots, without wildcards and white space");
export const deniedSubject = (): WitError => new WitError("denied: this link does not lead to this subject");
export const tooLarge = (limit: number): WitError =>
  new WitError(`too-large: this link takes messages of at most ${limit} bytes`);
export const replyToStored = (): WitError =>
  new WitError("unsupported: a message that is stored for the hub cannot carry a reply subject");
export const noTimeout = (): WitError => new WitError("invalid-argument: a request needs a timeout above 0");
