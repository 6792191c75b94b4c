// Who the agent runs as, and what that user may do. Pure.

import type { Access, Machine } from "./machine.ts";

/** The user of the service, as the package makes it. */
const SERVICE_USER = "petiole";

export interface User {
  readonly name: string;
  readonly uid: number;
  /** Ids of all its groups. */
  readonly groups: readonly number[];
}

/** The service's user where there is one, else the one who asks. */
export function agentUser(machine: Machine, self: { readonly uid: number; readonly groups: readonly number[] }): User {
  const users = (machine.read("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  const service = users.find(([name]) => name === SERVICE_USER);
  if (service === undefined) {
    const name = users.find(([, , uid]) => uid === String(self.uid))?.[0] ?? String(self.uid);
    return { name, ...self };
  }
  const groups = groupTable(machine).filter(({ members }) => members.includes(SERVICE_USER));
  return {
    name: SERVICE_USER,
    uid: Number(service[2]),
    groups: [Number(service[3]), ...groups.map(({ gid }) => gid)],
  };
}

/** Name of the group that would have to be joined for reading and writing; undefined when the user may already. */
export function missingGroup(machine: Machine, user: User, access: Access): string | undefined {
  const { uid, gid, mode } = access;
  if (user.uid === 0) return undefined;
  const bits = uid === user.uid ? mode >> 6 : user.groups.includes(gid) ? mode >> 3 : mode;
  if ((bits & 0o6) === 0o6) return undefined;
  return groupTable(machine).find((group) => group.gid === gid)?.name ?? String(gid);
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function groupTable(machine: Machine): Group[] {
  return (machine.read("/etc/group") ?? "").split("\n").map((line) => {
    const [name = "", , gid = "", members = ""] = line.split(":");
    return { name, gid: Number(gid), members: members.split(",") };
  });
}
