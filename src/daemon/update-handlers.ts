import type { ControlHandlers } from "../adapters/control/server.ts";
import { PetioleError } from "../domain/errors.ts";
import type { UpdateReport } from "../domain/status.ts";
import type { ComponentId } from "../domain/workload.ts";
import type { SelfUpdate } from "./agent-update/self-update.ts";
import type { UpdateControl } from "../host/update/update-control.ts";

/** What `petiole agent` asks for. */
export function agentHandlers(
  self: SelfUpdate,
): Pick<ControlHandlers, "agent-versions" | "agent-upload" | "agent-update" | "agent-rollback"> {
  return {
    "agent-versions": () => self.versions(),
    "agent-upload": (piece) => self.upload(piece),
    "agent-update": (params, { report, signal }) => self.update(params, report, signal),
    "agent-rollback": ({ dryRun }) => self.rollBack(dryRun),
  };
}

/** What `petiole update` asks for. */
export function updateHandlers(updates: UpdateControl): Pick<ControlHandlers, "update-status" | "update-decide"> {
  function reportOf(component: ComponentId): UpdateReport {
    const found = updates.report().find((one) => one.component === component);
    if (found !== undefined) return found;
    const text = `Cannot decide about component "${component}": no component of that name is wanted`;
    throw new PetioleError("ERR_UPDATE_UNKNOWN", text);
  }

  return {
    "update-status": async () => updates.report(),
    "update-decide": async ({ component, decision, digest, dryRun }) => {
      const before = reportOf(component);
      if (decision === "forgive") {
        if (!before.bad.some((one) => digest === undefined || one.digest === digest)) {
          const which = digest === undefined ? "none of its versions" : `not ${digest}`;
          throw new PetioleError("ERR_UPDATE_UNKNOWN", `Cannot forgive component "${component}": ${which} is marked`);
        }
        if (!dryRun) await updates.forgive(component, digest);
      } else {
        if (before.update?.state !== "trial") {
          const text = `Cannot decide about component "${component}": no version of it is on trial`;
          throw new PetioleError("ERR_UPDATE_UNKNOWN", text);
        }
        if (!dryRun) await (decision === "accept" ? updates.accept(component) : updates.rollBack(component));
      }
      return { dryRun, report: reportOf(component) };
    },
  };
}
