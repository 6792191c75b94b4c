// The other end of the control interface: what asks the hosts of a lattice, whatever they are made of.

import type { Msg } from "@nats-io/transport-node";
import { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import type { Millis } from "../../../domain/units.ts";
import { dial, type DialOptions } from "../dial.ts";
import { describeNatsError, isNoResponders } from "../nats-error.ts";
import { controlSubject, everyEvent } from "./subjects.ts";
import { linkSchema, parseJson } from "./wire.ts";

const texts = z.record(z.string(), z.string());

const hostReply = z.object({
  id: z.string(),
  friendly_name: z.string().default(""),
  labels: texts.default({}),
  uptime_seconds: z.number().default(0),
  version: z.string().nullish(),
});
export type FoundHost = z.infer<typeof hostReply>;

const inventoryReply = z.object({
  host_id: z.string().default(""),
  friendly_name: z.string().default(""),
  labels: texts.default({}),
  version: z.string().default(""),
  uptime_seconds: z.number().default(0),
  components: z.array(
    z.object({
      id: z.string(),
      image_ref: z.string().default(""),
      annotations: texts.nullish(),
      max_instances: z.number().default(0),
    }),
  ),
  providers: z.array(z.object({ id: z.string(), image_ref: z.string().nullish(), annotations: texts.nullish() })),
});
export type FoundInventory = z.infer<typeof inventoryReply>;

const auctionReply = z.object({ host_id: z.string() });
const envelope = z.object({ success: z.boolean(), message: z.string(), response: z.unknown().optional() });
const cloudEvent = z.object({
  type: z.string(),
  source: z.string(),
  time: z.string().default(""),
  data: z.record(z.string(), z.unknown()),
});

export interface LatticeEvent {
  /** Without its prefix, such as `component_scaled`. */
  readonly name: string;
  readonly host: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type LatticeLink = z.infer<typeof linkSchema>;

export interface LatticeClient extends AsyncDisposable {
  /** Every host that answers in time. */
  hosts(): Promise<FoundHost[]>;
  inventory(host: string): Promise<FoundInventory>;
  /** The first host that would take it; undefined when none would. */
  auction(kind: "component" | "provider", id: string, reference: string): Promise<string | undefined>;
  /**
   * Sends a command and resolves with the data of the answer.
   * @throws PetioleError ERR_LATTICE_REQUEST when it is refused, ERR_LATTICE_UNREACHABLE when nobody answers
   */
  ask(verb: string, body?: unknown): Promise<unknown>;
  links(): Promise<LatticeLink[]>;
  /** Calls `listener` with each event from now on, once it resolves. */
  listen(listener: (event: LatticeEvent) => void): Promise<Disposable>;
}

export interface LatticeClientOptions extends DialOptions {
  readonly lattice: string;
  /** How long an answer is waited for, and how long answers of several hosts are collected. */
  readonly timeout: Millis;
}

/** @throws PetioleError ERR_LATTICE_UNREACHABLE */
export async function connectLatticeClient(options: LatticeClientOptions): Promise<LatticeClient> {
  const { lattice, timeout } = options;
  const live = await dial(options);
  const encode = (body: unknown): string => (body === undefined ? "" : JSON.stringify(body));

  async function request(verb: string, body: unknown): Promise<Msg> {
    try {
      return await live.request(controlSubject(lattice, verb), encode(body), { timeout });
    } catch (cause) {
      const why = isNoResponders(cause) ? `no host of the lattice "${lattice}" listens` : describeNatsError(cause);
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot send "${verb}": ${why}`, { cause });
    }
  }

  async function ask(verb: string, body?: unknown): Promise<unknown> {
    const reply = envelope.safeParse(parseJson((await request(verb, body)).data));
    if (!reply.success) throw unreadable(verb);
    const { success, message, response } = reply.data;
    if (!success) throw new PetioleError("ERR_LATTICE_REQUEST", `"${verb}" is refused: ${message}`);
    return response;
  }

  /** Replies that cannot be read are those of one host, and hide no other. */
  async function collect<T>(verb: string, body: unknown, schema: z.ZodType<T>, most: number): Promise<T[]> {
    const found: T[] = [];
    try {
      const replies = await live.requestMany(controlSubject(lattice, verb), encode(body), {
        strategy: most === 1 ? "count" : "timer",
        maxMessages: most,
        maxWait: timeout,
      });
      for await (const { data } of replies) {
        const reply = envelope.safeParse(parseJson(data));
        const response = reply.success && reply.data.success ? schema.safeParse(reply.data.response) : undefined;
        if (response?.success === true) found.push(response.data);
        if (found.length >= most) break;
      }
    } catch (error) {
      if (!isNoResponders(error)) throw error;
    }
    return found;
  }

  const read = async <T>(verb: string, schema: z.ZodType<T>): Promise<T> => {
    const result = schema.safeParse(await ask(verb));
    if (!result.success) throw unreadable(verb);
    return result.data;
  };

  return {
    hosts: () => collect("host.ping", undefined, hostReply, 10_000),
    inventory: (host) => read(`host.get.${host}`, inventoryReply),
    links: () => read("link.get", z.array(linkSchema)),
    ask,
    async auction(kind, id, reference) {
      const body = { [`${kind}_ref`]: reference, [`${kind}_id`]: id, constraints: {} };
      const [won] = await collect(`${kind}.auction`, body, auctionReply, 1);
      return won?.host_id;
    },
    async listen(listener) {
      const subscription = live.subscribe(everyEvent(lattice), {
        callback: (error, message) => {
          const event = error === null ? cloudEvent.safeParse(parseJson(message.data)) : undefined;
          if (event?.success !== true) return;
          const { type, source, time, data } = event.data;
          listener({ name: type.replace(/^com\.wasmcloud\.lattice\./, ""), host: source, time, data });
        },
      });
      await live.flush();
      return { [Symbol.dispose]: () => subscription.unsubscribe() };
    },
    [Symbol.asyncDispose]: () => live.close(),
  };
}

const unreadable = (verb: string): PetioleError =>
  new PetioleError("ERR_LATTICE_REQUEST", `Cannot read the answer to "${verb}": it is not of the control interface v1`);
