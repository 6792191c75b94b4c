// What serves a component's imports in a test unless the test does: in memory, by the providers that a device may have too.

import { PetioleError } from "../../domain/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { createMetricsRegistry } from "../../lib/metrics.ts";
import type { Binding, Provider } from "../../provider/contract.ts";
import type { HostServices } from "../../provider/services.ts";
import { PROVIDERS } from "../../../providers/index.ts";
import type { Published } from "./contract.ts";

type Functions = Readonly<Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>>;

export interface Doubles extends AsyncDisposable {
  readonly functions: Functions;
}

/** `wasi:keyvalue` in memory, and a list of what is published. */
export async function openDoubles(published: Published[]): Promise<Doubles> {
  const keep = (subject: string, body: Uint8Array): void => {
    published.push({ subject, body, text: Buffer.from(body).toString() });
  };
  const { provider, binding } = await openKeyValue();
  return {
    functions: {
      ...(typeof binding.functions === "function" ? {} : binding.functions),
      "wasmcloud:messaging/consumer": {
        publish: ({ subject, body }: { readonly subject: string; readonly body: Uint8Array }) => keep(subject, body),
      },
      "petiole:outbox/publisher": {
        publish(subject: string, _headers: unknown, body: Uint8Array) {
          keep(subject, body);
          return { outcome: "durable", sequence: BigInt(published.length) };
        },
      },
    },
    async [Symbol.asyncDispose]() {
      await binding[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

async function openKeyValue(): Promise<{ readonly provider: Provider; readonly binding: Binding }> {
  const load = PROVIDERS["keyvalue-memory"];
  if (load === undefined) throw new PetioleError("ERR_INVARIANT", "There is no key-value store in memory");
  const id = "store";
  const metrics = createMetricsRegistry().scope("", {});
  const provider = (await load())({ id, log: silentLogger, clock: systemClock, services: noServices, metrics });
  await provider.start(provider.parseConfig({}), new AbortController().signal);
  const refuse = (): never => {
    throw new PetioleError("ERR_INVARIANT", "A key-value store calls no component");
  };
  const binding = await provider.bind({
    component: "component",
    linkName: "default",
    direction: "imports",
    interfaces: provider.serves === "anything" ? [] : provider.serves,
    elsewhere: false,
    shapes: () => [],
    config: provider.parseLinkConfig({}),
    log: silentLogger,
    call: refuse,
    http: refuse,
  });
  return { provider, binding };
}

/** What is in memory needs nothing of an agent. */
const noServices = new Proxy({} as HostServices, {
  get: (_target, name) => {
    throw new PetioleError("ERR_INVARIANT", `A test has no agent that could lend "${String(name)}"`);
  },
});
