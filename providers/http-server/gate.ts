import type { Socket } from "node:net";
import { clientOf } from "./address.ts";

export interface GateOptions {
  readonly max: number;
  readonly maxOfClient: number;
  /** Told of each connection that is not let in. */
  readonly onRefused: (reason: "max_connections" | "max_client_connections") => void;
}

/** Bounds the connections of all addresses together, and those of one client. */
export interface Gate {
  /** Closes the connection, or counts it until it is closed. */
  admit(socket: Socket): void;
}

export function createGate({ max, maxOfClient, onRefused }: GateOptions): Gate {
  const ofClient = new Map<string, number>();
  let open = 0;

  return {
    admit(socket) {
      const client = clientOf(socket.remoteAddress);
      const others = client === undefined ? 0 : (ofClient.get(client) ?? 0);
      const reason = open >= max ? "max_connections" : others >= maxOfClient ? "max_client_connections" : undefined;
      if (reason !== undefined) {
        socket.destroy();
        onRefused(reason);
        return;
      }
      open += 1;
      if (client !== undefined) ofClient.set(client, others + 1);
      socket.once("close", () => {
        open -= 1;
        if (client === undefined) return;
        const left = (ofClient.get(client) ?? 1) - 1;
        if (left === 0) ofClient.delete(client);
        else ofClient.set(client, left);
      });
    },
  };
}
