// Answers each request with what it has: the other side of a bare NATS request. Arguments: the server, the subject.

import { connect } from "@nats-io/transport-node";

const [, , server = "", subject = ""] = process.argv;
const connection = await connect({ servers: server, noAsyncTraces: true });
connection.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) });
await connection.flush();
console.log("ready");
