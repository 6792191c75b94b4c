import { readProject } from "../../toolchain/project/project.ts";
import { testProject } from "../../toolchain/test/run.ts";
import { formatBytes } from "../table.ts";

export interface TestCommandOptions {
  readonly dir: string;
  readonly name?: string;
}

/** `petiole test` */
export async function test(files: readonly string[], { dir, name }: TestCommandOptions): Promise<void> {
  const project = await readProject(dir);
  await testProject(project, {
    ...(files.length > 0 && { files }),
    ...(name !== undefined && { name }),
    onBuilt: ({ file, size, took }) =>
      void process.stdout.write(`${file}: ${formatBytes(size)}, built in ${(took.all / 1000).toFixed(1)} s\n`),
  });
}
