/** Runs every step, also after one failed, then throws what failed: one error as it is, several as an AggregateError. */
export async function settleAll(steps: readonly (() => unknown)[], message: string): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, message);
}
