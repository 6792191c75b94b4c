import { once } from "node:events";
import { connect } from "node:net";

/** True when something accepts connections on `path`; a socket file left by a killed process refuses them. */
export async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
