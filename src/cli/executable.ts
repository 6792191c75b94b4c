// Where the single executable begins: it is also what it starts processes of its own with.

import { requestedProgram } from "../lib/parts.ts";
import { frequentCommand } from "./frequent.ts";

// Not waited for: a script, which the executable begins with, cannot wait at its top level.
switch (requestedProgram(process.argv)) {
  case "transpile":
    void import("../runtime/prepare/child.ts");
    break;
  case "compile-ahead":
    void import("../runtime/aot/child.ts");
    break;
  case undefined:
    void begin();
}

async function begin(): Promise<void> {
  const frequent = frequentCommand(process.argv.slice(2), process.env);
  if (frequent === undefined) {
    await import("./main.ts");
    return;
  }
  try {
    if (frequent.command === "run") {
      const { run } = await import("./run.ts");
      await run(frequent.config);
    } else {
      const { version } = await import("./version.ts");
      version(frequent.json ? { json: true } : {});
    }
  } catch (error) {
    const { report } = await import("./report.ts");
    process.exitCode = report(error);
  }
}
