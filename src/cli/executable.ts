// Where the single executable begins: it is also what it starts processes of its own with.

import { requestedProgram } from "../lib/parts.ts";

switch (requestedProgram(process.argv)) {
  case "transpile":
    await import("../runtime/prepare/child.ts");
    break;
  case "compile-ahead":
    await import("../runtime/aot/child.ts");
    break;
  case undefined:
    await import("./main.ts");
}
