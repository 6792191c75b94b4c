// Runs the checks that the command line names, or all, one after another.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const USUAL = ["control", "wadm", "operator", "wrpc", "provider"];
/** Building wash takes an hour on two cores: it is run when it is named, or there already. */
const CHECKS = [...USUAL, "wash"];

const named = process.argv.slice(2);
const unknown = named.filter((name) => !CHECKS.includes(name));
if (unknown.length > 0) throw new Error(`there is no check ${unknown.join(", ")}: want ${CHECKS.join(", ")}`);
const failed = (named.length > 0 ? named : process.env["PETIOLE_INTEROP_WASH"] === undefined ? USUAL : CHECKS).filter(
  (name) => {
    const file = join(import.meta.dirname, `${name}.ts`);
    return spawnSync(process.execPath, [...process.execArgv, file], { stdio: "inherit" }).status !== 0;
  },
);
console.log(failed.length === 0 ? "no deviation" : `deviations: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
