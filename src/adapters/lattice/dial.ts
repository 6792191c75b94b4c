import { connect, wsconnect, type NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { silentLogger } from "../../lib/log.ts";
import { withoutLogin } from "../../lib/without-login.ts";
import { clientOptions, isWebSocket } from "./client-options.ts";
import { describeNatsError } from "./nats-error.ts";

export interface DialOptions {
  /** `nats://[user:password@]host:port` */
  readonly server: string;
  readonly credentials: string | undefined;
}

/** A connection for one command. @throws PetioleError ERR_LATTICE_UNREACHABLE */
export async function dial({ server, credentials }: DialOptions): Promise<NatsConnection> {
  try {
    const settings = clientOptions(server, { servers: [server], credentials, name: "petiole cli", log: silentLogger });
    return await (isWebSocket(server) ? wsconnect(settings) : connect(settings));
  } catch (cause) {
    throw new PetioleError(
      "ERR_LATTICE_UNREACHABLE",
      `Cannot connect to "${withoutLogin(server)}": ${describeNatsError(cause)}`,
      {
        cause,
      },
    );
  }
}
