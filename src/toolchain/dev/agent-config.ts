import { join } from "node:path";
import { stringify } from "yaml";
import { parseConfig } from "../../config/parse.ts";
import type { Config } from "../../config/schema.ts";
import type { Project } from "../project/project.ts";
import type { Plan } from "./plan.ts";

export interface ConfigInput {
  readonly plan: Plan;
  readonly file: string;
  readonly project: Project;
  readonly temporary: string;
  readonly state: string;
  readonly hub: string | undefined;
}

/** The agent's configuration, as if somebody had written one. */
export function configOf({ plan, file, project, temporary, state, hub }: ConfigInput): Config {
  const components = Object.entries(plan.components).map(([name, { origin, config, instances }]) => {
    const from = name === plan.own ? { file } : origin;
    return [name, { ...from, config, max_instances: Math.max(1, instances), update: { trial: "0s" } }];
  });
  const raw = {
    device: { id: "dev", identity_check: "off" },
    state_dir: state,
    cache_dir: join(temporary, "cache"),
    runtime_dir: join(temporary, "run"),
    store: { volatile: "accept" },
    clock: { source: "trusted" },
    log: { summary: "0s" },
    ...(hub !== undefined && {
      hub: { mode: "direct", urls: [hub], stream: { create: true }, inbox: { create: true } },
    }),
    components: Object.fromEntries(components) as unknown,
    providers: plan.providers,
    links: plan.links,
  };
  return parseConfig(stringify(raw), project.manifest);
}
