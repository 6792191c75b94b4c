import { relative } from "node:path";
import { installPackages } from "../../toolchain/new/install.ts";
import { planProject, writeProject, type NewProject } from "../../toolchain/new/new.ts";
import { listTemplates } from "../../toolchain/new/templates.ts";
import { formatTable } from "../table.ts";

export interface NewCommandOptions {
  readonly template: string;
  readonly dir?: string;
  readonly list?: true;
  readonly install: boolean;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `petiole new` */
export async function createProject(name: string | undefined, options: NewCommandOptions): Promise<void> {
  const print = (report: object, format: () => string): void =>
    void process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : `${format()}\n`);
  if (name === undefined || options.list === true) {
    const templates = await listTemplates();
    print({ templates }, () =>
      formatTable([["TEMPLATE", "IS"], ...templates.map(({ name, description }) => [name, description])]),
    );
    return;
  }
  const plan = await planProject(name, { template: options.template, folder: options.dir });
  const report = { ...plan, files: [...plan.files.keys()].sort(), dryRun: options.dryRun === true };
  if (options.dryRun === true) {
    print(report, () => [`would make ${plan.folder}:`, ...report.files.map((file) => `  ${file}`)].join("\n"));
    return;
  }
  await writeProject(plan);
  const installs = options.install && plan.origin.kind !== "checkout";
  if (installs) {
    console.error(
      `${plan.folder}: ${report.files.length} files from the template ${plan.template}; npm installs petiole…`,
    );
    await installPackages(plan.folder);
  }
  print(report, () => nextSteps(plan, options.install || plan.origin.kind === "checkout"));
}

function nextSteps({ folder, template }: NewProject, isInstalled: boolean): string {
  const place = relative(process.cwd(), folder);
  const steps = [
    ["cd", place.startsWith("..") ? folder : place].join(" "),
    ...(isInstalled ? [] : ["npm install"]),
    "npm test             # type check, build, tests",
    "npx petiole dev      # runs it, and again whenever a file is saved",
    "npx petiole build    # the component, and what each import needs",
  ];
  return [`${folder}: made from the template ${template}. Next:`, "", ...steps.map((step) => `  ${step}`)].join("\n");
}
