// What the hub's stream holds, asked of the hub itself.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { AtHub, ReportedEntry } from "./history.ts";

export interface HubContent {
  /** By the store they came from. */
  readonly stores: ReadonlyMap<string, StoreAtHub>;
}

export interface StoreAtHub {
  readonly messages: readonly AtHub[];
  /** Entries of its ledger messages. */
  readonly reported: readonly ReportedEntry[];
}

const STREAM = "PETIOLE";
const LEDGER_SUBJECT = "outbox.ledger";

/** A hub that has no stream yet holds nothing. */
export async function readHub(url: string, domain: string | undefined): Promise<HubContent> {
  const stores = new Map<string, { messages: AtHub[]; reported: ReportedEntry[] }>();
  const connection = await connect({ servers: url, timeout: 2000, reconnect: false });
  try {
    const options = domain === undefined ? {} : { domain };
    const manager = await jetstreamManager(connection, { ...options, timeout: 5000 });
    const names = await manager.streams.names().next();
    if (!names.includes(STREAM)) return { stores };
    const { state } = await manager.streams.info(STREAM);
    if (state.messages === 0) return { stores };
    const consumer = await jetstream(connection, options).consumers.get(STREAM);
    for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 10_000 })) {
      const [, , lane = "", ...rest] = message.subject.split(".");
      const subject = rest.join(".");
      const store = message.headers?.get("Petiole-Store") ?? "";
      const at = stores.get(store) ?? { messages: [], reported: [] };
      stores.set(store, at);
      const isLedger = lane === "critical" && subject === LEDGER_SUBJECT;
      const body = message.string();
      at.messages.push({
        hubSeq: message.seq,
        lane,
        subject,
        seq: Number(message.headers?.get("Petiole-Seq")),
        id: isLedger ? undefined : body.slice(0, body.indexOf("\n")),
      });
      if (isLedger) at.reported.push(...(JSON.parse(body) as { readonly entries: readonly ReportedEntry[] }).entries);
      if (message.info.pending === 0) break;
    }
    return { stores };
  } finally {
    await connection.close();
  }
}
