// NATS by hand, for what clients should not send.

import { createConnection } from "node:net";

/** As a client that checks nothing: the others refuse such headers when they send them. */
export async function publishRaw(port: number, subject: string, headers: string, body: string): Promise<void> {
  const socket = createConnection(port, "127.0.0.1");
  const answered = new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()).includes("PONG") && resolve(text));
    socket.once("error", reject);
  });
  const [head, all] = [headers.length, headers.length + body.length];
  socket.write(
    `CONNECT {"verbose":false,"headers":true}\r\nHPUB ${subject} ${head} ${all}\r\n${headers}${body}\r\nPING\r\n`,
  );
  await answered;
  socket.destroy();
}
