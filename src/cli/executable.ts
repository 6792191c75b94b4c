// Where the single executable begins: it is also what it starts processes of its own with.

import { requestedProgram } from "../lib/parts.ts";

// Not waited for: a script, which the executable begins with, cannot wait at its top level.
switch (requestedProgram(process.argv)) {
  case "transpile":
    void import("../runtime/prepare/child.ts");
    break;
  case "compile-ahead":
    void import("../runtime/aot/child.ts");
    break;
  case undefined:
    void import("./main.ts");
}
