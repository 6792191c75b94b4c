import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { checkDeviceName } from "./subjects.ts";

/**
 * Where answers to a device go: below `_INBOX.<device>`, so that a device's user at the hub can be kept from reading the
 * answers to others.
 * @throws PetioleError ERR_LATTICE_MESSAGE
 */
export const inboxRoot = (device: string): string => `_INBOX.${checkDeviceName(device)}`;

const roots = new WeakMap<NatsConnection, string>();

/** Has `newInbox` make the connection's inboxes below `root`. */
export function keepInboxesBelow(connection: NatsConnection, root: string): void {
  roots.set(connection, root);
}

/** A subject for answers that nobody else uses. */
export const newInbox = (connection: NatsConnection): string => createInbox(roots.get(connection));
