// The WIT edges: messages come in and leave; the last value of each topic is in a key-value store.

import { decodeUtf8, encodeUtf8, errorText, once } from "petiole/guest";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";
import { isNews, outgoingTopic, parseValue } from "./filter.ts";

// Opened when it is needed first: code at the top level runs when the component is built.
const bucket = once(() => open("last-values"));

export const handler = {
  handleMessage({ subject, body }: BrokerMessage): void {
    try {
      const value = parseValue(decodeUtf8(body) ?? "");
      // QuickJS has null for an option without a value.
      const kept = bucket().get(subject) ?? undefined;
      const last = kept === undefined ? undefined : Number(decodeUtf8(kept));
      if (!isNews(value, last, Number(getConfig("deadband") ?? 0.5))) return;
      publish({ subject: outgoingTopic(subject), body: encodeUtf8(JSON.stringify({ value })) });
      // After the message: a power cut between the two sends it twice, and loses none.
      bucket().set(subject, encodeUtf8(String(value)));
    } catch (error) {
      log("warn", "my-component", `${subject}: ${errorText(error)}`);
      // A string is what `result<_, string>` carries; an Error would end the call as a trap.
      throw errorText(error);
    }
  },
};
