import { searchNatsServer, type Environment, type FindResult } from "../adapters/leaf/find-server.ts";
import { packedServer } from "../adapters/leaf/packed-server.ts";
import { formatServerVersion } from "../adapters/leaf/server-version.ts";
import type { Config } from "../config/schema.ts";
import type { Finding } from "./finding.ts";

/** The local nats-server, which only a leaf node needs. */
export async function examineServer({ hub, leaf }: Pick<Config, "hub" | "leaf">, env: Environment): Promise<Finding[]> {
  if (hub?.mode !== "leaf") return [];
  const found = await searchNatsServer({ env, configured: leaf.server });
  const inside = leaf.server === undefined ? packedServer() : undefined;
  if (found.server !== undefined || inside === undefined) return [judgeServer(found)];
  return [{ check: "nats-server", level: "ok", message: `${inside.version} (inside petiole)` }];
}

export function judgeServer({ server, refused }: FindResult): Finding {
  const check = "nats-server";
  if (server !== undefined) {
    return { check, level: "ok", message: `${formatServerVersion(server.version)} (${server.path})` };
  }
  const remedy = "apt install nats-server, or set hub.mode: direct";
  const message = refused.length === 0 ? "none was found" : refused.join("; ");
  return { check, level: "fault", message, remedy };
}
