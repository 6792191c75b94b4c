// What a component may rely on from `wasmcloud:messaging`, whatever carries the messages: the same component works on
// each by changing its link.

import { describe, test } from "vitest";
import type { Provider } from "../../../src/provider/contract.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { bindLink, type BoundLink } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const CONSUMER = "wasmcloud:messaging/consumer";

interface Message {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo: string | undefined;
}

export interface MessagingRig extends AsyncDisposable {
  readonly provider: Provider;
  /** Resolves when these subscriptions are in effect at the server, and publishing works. */
  settled(subscriptions: readonly string[]): Promise<void>;
}

export interface MessagingSubject {
  readonly name: string;
  create(): Promise<MessagingRig>;
  /** Subjects and topics are written differently: `a.b` is `a/b`, `a.*` is `a/+`, `a.>` is `a/#`. */
  readonly syntax: "nats" | "mqtt";
  /** Whether subscriptions may be of a queue group. */
  readonly queues?: boolean;
  /** False when requests are answered with the error "unsupported". */
  readonly requests: boolean;
}

export function messagingSuite(subject: MessagingSubject): void {
  const write = (name: string): string =>
    subject.syntax === "nats" ? name : name.replaceAll(".", "/").replaceAll("*", "+").replaceAll(">", "#");
  const linkConfig = (subscriptions: readonly string[], queue?: string): object => ({
    max_body: "64KiB",
    subscriptions: subscriptions.map((name) => ({
      [subject.syntax === "nats" ? "subject" : "topic"]: write(name),
      ...(queue === undefined ? {} : { queue }),
    })),
  });

  let receivers = 0;
  const wanted = new WeakMap<MessagingRig, readonly string[]>();
  const settle = async (rig: MessagingRig): Promise<void> => await rig.settled((wanted.get(rig) ?? []).map(write));

  interface Receiver {
    readonly messages: Mailbox<Message>;
    readonly link: BoundLink;
  }
  async function receive(
    rig: MessagingRig,
    subscriptions: readonly string[],
    before?: (message: Message) => unknown,
    queue?: string,
  ): Promise<Receiver> {
    const messages = createMailbox<Message>();
    wanted.set(rig, [...(wanted.get(rig) ?? []), ...subscriptions]);
    const link = await bindLink(rig.provider, {
      // A component has one link of a name.
      component: `receiver-${receivers++}`,
      config: linkConfig(subscriptions, queue),
      handler: async (name, args) => {
        if (name !== "handle-message") throw new Error(`unknown function ${name}`);
        const message = args[0] as Message;
        await before?.(message);
        messages.put(message);
      },
    });
    return { messages, link };
  }
  const send = async (rig: MessagingRig): Promise<BoundLink> =>
    await bindLink(rig.provider, { component: "sender", config: linkConfig([]) });
  const publish = async (link: BoundLink, name: string, body: string | Uint8Array = "", replyTo?: string) =>
    await link.call(CONSUMER, "publish", { subject: write(name), body: Buffer.from(body), replyTo });
  const text = ({ body }: Message): string => Buffer.from(body).toString();

  describe(`wasmcloud:messaging on ${subject.name}`, () => {
    test("publish reaches a handler with subject and body", async ({ expect }) => {
      await using rig = await subject.create();
      const { messages, link } = await receive(rig, ["readings.boiler"]);
      await using _link = link;
      await using sender = await send(rig);
      await settle(rig);
      const body = Uint8Array.from({ length: 256 }, (_, i) => i);
      await publish(sender, "readings.boiler", body);
      await publish(sender, "readings.kettle", "not wanted");
      await publish(sender, "readings.boiler", "");
      const [first, second] = await messages.waitFor(2);
      expect(first?.subject).toBe(write("readings.boiler"));
      expect(first && new Uint8Array(first.body)).toEqual(body);
      expect(first?.replyTo).toBeUndefined();
      expect(second?.body.length).toBe(0);
    });

    test("a handler's wildcards stand for one token, and for any that follow", async ({ expect }) => {
      await using rig = await subject.create();
      const one = await receive(rig, ["a.*.c"]);
      await using _one = one.link;
      const many = await receive(rig, ["a.>"]);
      await using _many = many.link;
      await using sender = await send(rig);
      await settle(rig);
      for (const name of ["a.b.c", "a.b.b.c", "a.b", "b.b.c", "a.end.c"]) await publish(sender, name, name);
      await one.messages.find((message) => text(message) === "a.end.c");
      await many.messages.find((message) => text(message) === "a.end.c");
      expect(one.messages.all.map(text)).toEqual(["a.b.c", "a.end.c"]);
      expect(many.messages.all.map(text)).toEqual(["a.b.c", "a.b.b.c", "a.b", "a.end.c"]);
    });

    test("messages are handled one at a time in the order they were published", async ({ expect }) => {
      await using rig = await subject.create();
      let running = 0;
      const { messages, link } = await receive(rig, ["n"], async () => {
        running += 1;
        expect(running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      });
      await using _link = link;
      await using sender = await send(rig);
      await settle(rig);
      const numbers = Array.from({ length: 100 }, (_, i) => String(i));
      for (const number of numbers) await publish(sender, "n", number);
      await messages.waitFor(numbers.length);
      expect(messages.all.map(text)).toEqual(numbers);
    });

    test("a handler may publish while it handles, also what it subscribes to", async ({ expect }) => {
      await using rig = await subject.create();
      await using sender = await send(rig);
      const { messages, link } = await receive(rig, ["count"], async (message) => {
        const number = Number(text(message));
        if (number > 0) await publish(sender, "count", String(number - 1));
      });
      await using _link = link;
      await settle(rig);
      await publish(sender, "count", "3");
      await messages.waitFor(4);
      expect(messages.all.map(text)).toEqual(["3", "2", "1", "0"]);
    });

    test("a message that a handler fails on does not stop those that follow", async ({ expect }) => {
      await using rig = await subject.create();
      const { messages, link } = await receive(rig, ["n"], (message) => {
        if (text(message) === "bad") throw new Error("trap");
      });
      await using _link = link;
      await using sender = await send(rig);
      await settle(rig);
      await publish(sender, "n", "bad");
      await publish(sender, "n", "good");
      await messages.waitFor(1);
      expect(messages.all.map(text)).toEqual(["good"]);
    });

    test("publish fails with err for a wrong subject and for a body too large", async ({ expect }) => {
      await using rig = await subject.create();
      await using sender = await send(rig);
      await settle(rig);
      const payload = (pattern: RegExp): object => ({ payload: expect.stringMatching(pattern) as string });
      await expect(publish(sender, "")).rejects.toMatchObject(payload(/^invalid-subject:/));
      await expect(publish(sender, "a.*")).rejects.toMatchObject(payload(/^invalid-subject:/));
      await expect(publish(sender, "a.>")).rejects.toMatchObject(payload(/^invalid-subject:/));
      await expect(publish(sender, "a", Buffer.alloc(64 * 1024 + 1))).rejects.toMatchObject(payload(/^too-large:/));
      await publish(sender, "a", Buffer.alloc(64 * 1024));
    });

    const answersRequests = (): void => {
      test("request is answered by the handler through reply-to", async ({ expect }) => {
        await using rig = await subject.create();
        await using sender = await send(rig);
        const { link } = await receive(rig, ["double"], async (message) => {
          await sender.call(CONSUMER, "publish", {
            subject: message.replyTo,
            body: Buffer.from(String(Number(text(message)) * 2)),
          });
        });
        await using _link = link;
        await settle(rig);
        const answers = await Promise.all(
          [1, 2, 3].map(
            async (number) =>
              await sender.call(CONSUMER, "request", write("double"), Buffer.from(String(number)), 10_000),
          ),
        );
        expect(answers.map((answer) => text(answer as Message))).toEqual(["2", "4", "6"]);
      });

      test("request fails with err when nobody answers in time", async ({ expect }) => {
        await using rig = await subject.create();
        await using sender = await send(rig);
        const { link } = await receive(rig, ["silent"]);
        await using _link = link;
        await settle(rig);
        const payload: unknown = expect.stringMatching(/^(timeout|unreachable):/);
        await expect(sender.call(CONSUMER, "request", write("silent"), Buffer.from("?"), 50)).rejects.toMatchObject({
          payload,
        });
        await expect(sender.call(CONSUMER, "request", write("nobody"), Buffer.from("?"), 50)).rejects.toMatchObject({
          payload,
        });
      });
    };
    const refusesRequests = (): void => {
      test("request fails with err where it is not supported", async ({ expect }) => {
        await using rig = await subject.create();
        await using sender = await send(rig);
        await settle(rig);
        const payload: unknown = expect.stringMatching(/^unsupported:/);
        await expect(sender.call(CONSUMER, "request", write("a"), Buffer.from("?"), 50)).rejects.toMatchObject({
          payload,
        });
      });
    };
    (subject.requests ? answersRequests : refusesRequests)();

    test("request fails with err for a wrong subject and without a timeout", async ({ expect }) => {
      await using rig = await subject.create();
      await using sender = await send(rig);
      const body = Buffer.from("?");
      const payload = (pattern: RegExp): object => ({ payload: expect.stringMatching(pattern) as string });
      await expect(sender.call(CONSUMER, "request", "", body, 50)).rejects.toMatchObject(payload(/^invalid-subject:/));
      await expect(sender.call(CONSUMER, "request", write("a"), body, 0)).rejects.toMatchObject(
        payload(/^invalid-argument:/),
      );
    });

    const sharesMessages = (): void => {
      test("of a queue group one member gets each message, and others get all", async ({ expect }) => {
        await using rig = await subject.create();
        const members = [
          await receive(rig, ["work.*"], undefined, "workers"),
          await receive(rig, ["work.*"], undefined, "workers"),
        ];
        const all = await receive(rig, ["work.*"]);
        await using stack = new AsyncDisposableStack();
        for (const { link } of [...members, all]) stack.use(link);
        await using sender = await send(rig);
        await settle(rig);
        const numbers = Array.from({ length: 60 }, (_, i) => String(i));
        for (const number of numbers) await publish(sender, `work.${number}`, number);
        await all.messages.waitFor(numbers.length);
        const taken = (): string[] => members.flatMap(({ messages }) => messages.all.map(text));
        await waitFor("the group to have all", () => taken().length >= numbers.length);
        expect(taken().toSorted()).toEqual(numbers.toSorted());
        expect(all.messages.all.map(text)).toEqual(numbers);
      });

      if (!subject.requests) return;
      test("a request to a queue group is answered by one member", async ({ expect }) => {
        await using rig = await subject.create();
        await using sender = await send(rig);
        let asked = 0;
        const answer = async ({ replyTo }: Message): Promise<void> => {
          asked += 1;
          await sender.call(CONSUMER, "publish", { subject: replyTo, body: Buffer.from("done") });
        };
        await using stack = new AsyncDisposableStack();
        for (let i = 0; i < 3; i += 1) stack.use((await receive(rig, ["job"], answer, "workers")).link);
        await settle(rig);
        for (let i = 1; i <= 5; i += 1) {
          const reply = await sender.call(CONSUMER, "request", write("job"), Buffer.from("?"), 10_000);
          expect([text(reply as Message), asked]).toEqual(["done", i]);
        }
      });
    };
    if (subject.queues === true) sharesMessages();

    test("disposing a link waits for the call in flight and ends the deliveries", async ({ expect }) => {
      await using rig = await subject.create();
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const { messages, link } = await receive(rig, ["n"], async () => {
        entered.resolve();
        await gate.promise;
      });
      await using sender = await send(rig);
      await settle(rig);
      // Where the component's taking is what the publisher waits for, these end with the link.
      const sent = [publish(sender, "n", "1"), publish(sender, "n", "2")];
      await entered.promise;
      let ended = false;
      const ending = link[Symbol.asyncDispose]().then(() => {
        ended = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(ended).toBe(false);
      gate.resolve();
      await ending;
      await Promise.allSettled(sent);
      expect(messages.all.map(text)).toEqual(["1"]);
    });

    test("bind() refuses a handler without subscriptions", async ({ expect }) => {
      await using rig = await subject.create();
      await expect(bindLink(rig.provider, { config: {}, handler: () => {} })).rejects.toMatchObject({
        code: "ERR_LINK_INVALID",
      });
    });
  });
}
