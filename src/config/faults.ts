import type { z } from "zod";
import type { ConfigFault } from "./yaml-source.ts";

/** One fault for each unknown key, so that each gets its own line number. */
export function flattenIssues(issues: readonly z.core.$ZodIssue[]): ConfigFault[] {
  return issues.flatMap((issue): ConfigFault[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...issue.path, key], message: "this key is not known here" }));
    }
    if (issue.code === "invalid_key") {
      const reason = issue.issues.map((inner) => inner.message).join("; ");
      return [{ path: issue.path, message: `this name is not allowed: ${reason}` }];
    }
    return [{ path: issue.path, message: issue.message }];
  });
}
