import { searchNatsServer, type Environment, type FindResult } from "../adapters/leaf/find-server.ts";
import { packedServer } from "../adapters/leaf/packed-server.ts";
import { formatServerVersion } from "../adapters/leaf/server-version.ts";
import type { Config } from "../config/schema.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Of Debian's package, which starts a server of its own, at the address that ours has unless told otherwise. */
const SYSTEM_CONFIG = "/etc/nats-server.conf";
const STARTED_AT_BOOT = "/etc/systemd/system/multi-user.target.wants";

/** The local nats-server, which only a leaf node needs. */
export async function examineServer(
  machine: Machine,
  { hub, leaf }: Pick<Config, "hub" | "leaf">,
  env: Environment,
): Promise<Finding[]> {
  if (hub?.mode !== "leaf") return [];
  const found = await searchNatsServer({ env, configured: leaf.server });
  const inside = leaf.server === undefined ? packedServer() : undefined;
  const own: Finding =
    found.server !== undefined || inside === undefined
      ? judgeServer(found)
      : { check: "nats-server", level: "ok", message: `${inside.version} (inside petiole)` };
  return [own, ...examineRival(machine, leaf.listen)];
}

/** Whether another nats-server takes the port that ours is to listen on. */
export function examineRival(machine: Machine, listen: string): Finding[] {
  const port = /^\s*port\s*[:=]?\s*(\d+)/m.exec(machine.read(SYSTEM_CONFIG) ?? "")?.[1];
  const isRival = port !== undefined && listen.endsWith(`:${port}`);
  if (!isRival || !machine.list(STARTED_AT_BOOT).includes("nats-server.service")) return [];
  const message = `the system starts one of its own at boot, which takes port ${port} from ${listen} of leaf.listen`;
  const remedy = "systemctl disable --now nats-server, or another leaf.listen";
  return [{ check: "nats-server", level: "fault", message, remedy }];
}

export function judgeServer({ server, refused }: FindResult): Finding {
  const check = "nats-server";
  if (server !== undefined) {
    return { check, level: "ok", message: `${formatServerVersion(server.version)} (${server.path})` };
  }
  const remedy = "install petiole's package, which brings one, or nats-server; or set hub.mode: direct";
  const message = refused.length === 0 ? "none was found" : refused.join("; ");
  return { check, level: "fault", message, remedy };
}
