/** For `skipIf`: true when `missing`, and then it prints what is skipped and why. */
export function skipping(missing: boolean, what: string, reason: string): boolean {
  if (missing) process.stderr.write(`Skipping ${what}: ${reason}\n`);
  return missing;
}
