import type { NatsConnection } from "@nats-io/transport-node";
import { test } from "vitest";
import type { LatticeConnection } from "../connection.ts";
import { linkIdentity } from "../wasmcloud/provider-links.ts";
import { hearLinkRemovals } from "./link-removals.ts";

const LINK = { source_id: "smooth", target: "store", name: "default", wit_namespace: "wasi", wit_package: "keyvalue" };
type Callback = (error: Error | null, message: { readonly data: Uint8Array }) => void;

function createConnection() {
  const listeners = new Set<() => void>();
  const callbacks: Callback[] = [];
  let current: NatsConnection | undefined;
  const connection = {
    current: () => current,
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  return {
    connection: connection as LatticeConnection,
    callbacks,
    change: (connected: boolean): void => {
      const subscribe = (_subject: string, options: { callback: Callback }) => {
        const place = callbacks.push(options.callback) - 1;
        return { unsubscribe: () => callbacks.splice(place, 1) };
      };
      current = connected ? ({ subscribe, isClosed: () => false } as unknown as NatsConnection) : undefined;
      for (const listener of listeners) listener();
    },
  };
}

test("hearLinkRemovals() hears on each connection, and tells when it may have missed some", ({ expect }) => {
  const { connection, callbacks, change } = createConnection();
  const heard: string[] = [];
  const hearing = hearLinkRemovals({
    connection,
    subject: "del",
    onRemoval: (link) => void heard.push(link),
    onGap: () => void heard.push("gap"),
  });
  const say = (text: string): void => callbacks.at(-1)?.(null, { data: new TextEncoder().encode(text) });
  change(true);
  for (const text of ["", "{", "5", JSON.stringify({ ...LINK, source_id: 5 })]) say(text);
  expect(heard).toEqual([]);
  say(JSON.stringify({ ...LINK, interfaces: ["store"], source_config: {}, target_secrets: null }));
  expect(heard).toEqual([linkIdentity(LINK)]);
  change(false);
  change(true);
  expect(callbacks).toHaveLength(2);
  say(JSON.stringify(LINK));
  expect(heard).toEqual([linkIdentity(LINK), "gap", linkIdentity(LINK)]);
  hearing[Symbol.dispose]();
  expect(callbacks).toHaveLength(1);
  change(true);
  expect(callbacks).toHaveLength(1);
});
