// What every user of the hub's JetStream API needs: https://docs.nats.io/reference/reference-protocols/nats_api_reference

import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Millis } from "../../domain/units.ts";
import { jetStreamCode } from "./nats-error.ts";

export interface JetStreamOptions {
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
  /** Of each request. */
  readonly timeout: Millis;
}

/** Error numbers of its answers. */
export const STREAM_NOT_FOUND = 10059;
export const CONSUMER_NOT_FOUND = 10014;

/** Opens the hub's JetStream without asking whether it is there: the first question tells. */
export async function openJetStream(
  connection: NatsConnection,
  { domain, timeout }: JetStreamOptions,
): Promise<JetStreamManager> {
  return await jetstreamManager(connection, {
    ...(domain === undefined ? {} : { domain }),
    timeout,
    checkAPI: false,
  });
}

/** As the API counts time. */
export const nanoseconds = (time: Millis): number => time * 1_000_000;

/** What `request` gives, or undefined when the hub answers with `code`. */
export async function unlessMissing<T>(code: number, request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (jetStreamCode(error) === code) return undefined;
    throw error;
  }
}
