// What a component may rely on from subscriptions for which the hub keeps messages, whoever remembers which were handled.

import { describe, test } from "vitest";
import { PetioleError, WitError } from "../../../src/domain/errors.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import type { BoundLink, Rig } from "../../support/provider-rig.ts";

export interface DurableRig extends AsyncDisposable {
  readonly provider: Rig;
  /** The entry of `subscriptions` for `orders.>`. */
  readonly subscription: object;
  /** Has the hub keep a message for it. */
  store(subject: string, body: string): Promise<void>;
}

export interface DurableSubject {
  readonly name: string;
  /** Messages are given up after so many attempts. */
  create(maxAttempts: number): Promise<DurableRig>;
}

interface Message {
  readonly subject: string;
  readonly body: Uint8Array;
}

export interface Taken {
  /** What the component was called with, failures included. */
  readonly calls: Mailbox<string>;
  readonly link: BoundLink;
}

/** Links a component that handles messages with `handle`. */
export async function takeMessages(rig: DurableRig, handle: (body: string) => unknown = () => {}): Promise<Taken> {
  const calls = createMailbox<string>();
  const link = await rig.provider.bind({
    config: { subscriptions: [rig.subscription] },
    handler: async (_name, args) => {
      const body = Buffer.from((args[0] as Message).body).toString();
      calls.put(body);
      await handle(body);
    },
  });
  return { calls, link };
}

export function durableSuite(subject: DurableSubject): void {
  describe(`durable subscriptions of wasmcloud:messaging on ${subject.name}`, () => {
    test("messages that came before the link and after it are handled once and in order", async ({ expect }) => {
      await using rig = await subject.create(5);
      const numbers = Array.from({ length: 20 }, (_, i) => String(i));
      for (const number of numbers.slice(0, 10)) await rig.store(`orders.${number}`, number);
      let running = 0;
      const { calls, link } = await takeMessages(rig, async () => {
        running += 1;
        expect(running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      });
      await using _link = link;
      for (const number of numbers.slice(10)) await rig.store(`orders.${number}`, number);
      await calls.waitFor(numbers.length);
      expect(calls.all).toEqual(numbers);
    });

    test("one that the component fails on comes again in its place, until it is handled", async ({ expect }) => {
      await using rig = await subject.create(5);
      let failures = 0;
      const { calls, link } = await takeMessages(rig, (body) => {
        if (body !== "bad" || failures === 3) return;
        failures += 1;
        throw failures === 1 ? new WitError("not now") : new PetioleError("ERR_COMPONENT_TRAP", "it trapped");
      });
      await using _link = link;
      for (const body of ["good", "bad", "last"]) await rig.store(`orders.${body}`, body);
      await calls.find((body) => body === "last");
      expect(calls.all).toEqual(["good", "bad", "bad", "bad", "bad", "last"]);
    });

    test("one that fails too often is given up, and the others go on", async ({ expect }) => {
      await using rig = await subject.create(3);
      const { calls, link } = await takeMessages(rig, (body) => {
        if (body === "bad") throw new WitError("never");
      });
      await using _link = link;
      await rig.store("orders.bad", "bad");
      await rig.store("orders.good", "good");
      await calls.find((body) => body === "good");
      expect(calls.all).toEqual(["bad", "bad", "bad", "good"]);
    });

    test("a component that is stopped or busy costs no attempt", async ({ expect }) => {
      await using rig = await subject.create(1);
      let refusals = 0;
      const { calls, link } = await takeMessages(rig, () => {
        refusals += 1;
        if (refusals === 1) throw new PetioleError("ERR_COMPONENT_BUSY", "busy");
        if (refusals === 2) throw new PetioleError("ERR_COMPONENT_STOPPED", "stopped");
      });
      await using _link = link;
      await rig.store("orders.1", "1");
      await rig.store("orders.2", "2");
      await calls.find((body) => body === "2");
      expect(calls.all).toEqual(["1", "1", "1", "2"]);
    });

    test("another link goes on where one ended, after the message that was being handled", async ({ expect }) => {
      await using rig = await subject.create(5);
      const gate = Promise.withResolvers<void>();
      const first = await takeMessages(rig, async () => await gate.promise);
      for (const body of ["1", "2", "3"]) await rig.store(`orders.${body}`, body);
      await first.calls.waitFor(1);
      const ending = first.link[Symbol.asyncDispose]();
      gate.resolve();
      await ending;
      expect(first.calls.all).toEqual(["1"]);
      const second = await takeMessages(rig);
      await using _second = second.link;
      await second.calls.waitFor(2);
      expect(second.calls.all).toEqual(["2", "3"]);
    });
  });
}
