import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import type { InboundStatus } from "../../domain/status.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import type { HubMonitor, InboundSink } from "../../host/ports.ts";
import type { BackoffOptions } from "../../lib/backoff.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { createGate } from "../../lib/gate.ts";
import type { Logger } from "../../lib/log.ts";
import { askHub } from "./ask-hub.ts";
import type { LatticeConnection } from "./connection.ts";
import { parseDelivery } from "./delivery-info.ts";
import { untilAborted } from "./hub-stream.ts";
import { openInboundConsumer, type InboundConsumer, type InboundStreamOptions } from "./inbound-consumer.ts";
import { pull, PULL_EXPIRES } from "./pull.ts";
import { keepSession } from "./session.ts";
import { checkDeviceName, inboundSubject } from "./subjects.ts";

export interface InboundOptions {
  readonly sink: InboundSink;
  readonly connection: LatticeConnection;
  readonly device: string;
  readonly stream: InboundStreamOptions;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly monitor?: Pick<HubMonitor, "onChange">;
  /**
   * How long the hub waits for an acknowledgement before it sends a message again: also how long one that was on its
   * way when the link or the agent broke off keeps the next ones waiting. When storing takes longer, the message comes
   * twice and is recognised.
   */
  readonly ackWait?: Millis;
  /** How long the hub holds a request for messages. */
  readonly expires?: Millis;
  readonly requestTimeout?: Millis;
  readonly backoff?: BackoffOptions;
}

/** Fetches messages for this device from the hub while somebody waits for them and there is room. */
export interface Inbound extends AsyncDisposable {
  status(): InboundStatus;
}

const BATCH = 64;

/** @throws PetioleError ERR_LATTICE_MESSAGE when the device's name is no NATS token */
export function startInbound(options: InboundOptions): Inbound {
  const { sink, device, log } = options;
  checkDeviceName(device);
  const clock = options.clock ?? systemClock;
  const requestTimeout = options.requestTimeout ?? seconds(5);
  const changed = createGate(clock);
  const watching = sink.onChange(changed.open);
  const { domain } = options.stream;
  let stream: string | undefined;
  let state: InboundStatus["state"] = "off";

  /** Resolves with how many messages to ask for, once somebody wants some. */
  async function demand(signal: AbortSignal, idle: () => void): Promise<number> {
    for (;;) {
      const room = sink.room();
      if (!sink.wanted()) state = "off";
      else if (room.messages === 0 || room.bytes === 0) state = "full";
      else return Math.min(BATCH, room.messages);
      idle();
      await changed.wait(signal);
    }
  }

  async function run(live: NatsConnection, signal: AbortSignal, onProgress: () => void): Promise<void> {
    await demand(signal, onProgress);
    state = "connecting";
    const consumer = await untilAborted(
      openInboundConsumer({
        connection: live,
        device,
        stream: options.stream,
        ackWait: options.ackWait ?? seconds(5),
        requestTimeout,
        last: sink.last(),
        log,
      }),
      signal,
    );
    ({ stream } = consumer);
    onProgress();
    for (;;) {
      const batch = await demand(signal, onProgress);
      state = "receiving";
      // A request for more than there is room for is ended as soon as there is none.
      using ending = endWhen(() => !sink.wanted() || sink.room().messages === 0 || sink.room().bytes === 0);
      const { subject } = consumer;
      try {
        const until = AbortSignal.any([signal, ending.signal]);
        await pull(live, { subject, batch, expires: options.expires ?? PULL_EXPIRES }, until, async (message) => {
          await take(live, consumer, message, signal);
          onProgress();
        });
      } catch (error) {
        if (signal.aborted || !ending.signal.aborted) throw error;
      }
    }
  }

  async function take(
    live: NatsConnection,
    { stream, created }: InboundConsumer,
    message: Msg,
    signal: AbortSignal,
  ): Promise<void> {
    const info = parseDelivery(message.reply);
    const subject = inboundSubject(device, message.subject);
    if (info === undefined || subject === undefined || message.reply === undefined) {
      throw new PetioleError(
        "ERR_LATTICE_INBOX",
        `Cannot take a message on "${message.subject}": it is not for this device, or came from no consumer`,
      );
    }
    const origin = { stream, created, seq: info.streamSeq, time: info.time };
    const result = await sink.accept({ subject, body: message.data, origin });
    if (result === "known") log.info("Message was stored before: only acknowledged", { subject, seq: origin.seq });
    // The hub's answer is waited for: only then it will not send the message again.
    const { reply } = message;
    const question = { what: "acknowledge a message", domain, code: "ERR_LATTICE_INBOX" } as const;
    const request = { timeout: requestTimeout };
    await untilAborted(
      askHub(question, () => live.request(reply, "+ACK", request)),
      signal,
    );
  }

  function endWhen(over: () => boolean): Disposable & { readonly signal: AbortSignal } {
    const controller = new AbortController();
    const listening = sink.onChange(() => over() && controller.abort(new Error("no more messages are wanted")));
    return { signal: controller.signal, [Symbol.dispose]: () => listening[Symbol.dispose]() };
  }

  const session = keepSession({
    what: "Fetching messages",
    connection: options.connection,
    monitor: options.monitor,
    clock,
    log,
    backoff: options.backoff,
    run: async (live, signal, onProgress) => {
      try {
        await run(live, signal, onProgress);
      } finally {
        if (state === "receiving") state = "connecting";
      }
    },
  });

  return {
    status: () => ({ state, stream, lastError: session.lastError() }),
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      await session[Symbol.asyncDispose]();
    },
  };
}
