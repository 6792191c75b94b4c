// The outbox: how fast it takes and sends messages, what it writes, what it holds in memory, how soon it starts with a
// full store. Docs: docs/performance.md.

import type { Benchmark } from "./frame.ts";
import { reportBacklog } from "./outbox/backlog.ts";
import { reportDrain } from "./outbox/drain.ts";
import { reportElision } from "./outbox/elision.ts";
import { reportPublish } from "./outbox/publish.ts";

export const benchmark: Benchmark = {
  title:
    "outbox: group commits against one commit per message, and the way to the hub against raw JetStream publishing",
  parts: { publish: reportPublish, elision: reportElision, drain: reportDrain, backlog: reportBacklog },
};
