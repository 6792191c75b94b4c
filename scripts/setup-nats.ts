// Finds a nats-server or puts one into petiole's cache, and prints its path; progress goes to standard error.

import { isPetioleError } from "../src/domain/errors.ts";
import { formatServerVersion } from "../src/adapters/leaf/server-version.ts";
import { obtainNatsServer } from "./obtain-nats-server.ts";

try {
  const server = await obtainNatsServer({ env: process.env, progress: (line) => console.error(line) });
  console.error(`nats-server: using ${formatServerVersion(server.version)} (${server.source})`);
  console.log(server.path);
} catch (error) {
  if (!isPetioleError(error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
