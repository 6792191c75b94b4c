import { millis, type Clock, type Millis } from "#provider";

export interface OutputStep {
  readonly level: boolean;
  readonly duration: Millis;
}

export interface Course {
  readonly steps: readonly OutputStep[];
  /** 0 is without end. */
  readonly repeats: number;
  /** Level after the last step; as that left it unless given. */
  readonly end?: boolean;
}

/** What outputs do by themselves for a time: pulses and sequences of steps. */
export interface OutputCourses extends AsyncDisposable {
  /** Sets the first level now and goes on by the clock, instead of what the line did before. @throws what `set` throws */
  start(offset: number, course: Course): void;
  /** Somebody else decides the level from here on. */
  cancel(offset: number): void;
  /** Ends a course that has no end, with the line inactive. */
  endEndless(offset: number): void;
}

export interface OutputCoursesDeps {
  readonly clock: Clock;
  readonly set: (offset: number, level: boolean) => void;
  /** A level could not be set; the course has ended. */
  readonly onError: (offset: number, error: unknown) => void;
}

interface Running {
  readonly endless: boolean;
  readonly stop: AbortController;
}

/** Courses belong to the provider and not to the component: what has an end comes to it also without the component. */
export function createOutputCourses({ clock, set, onError }: OutputCoursesDeps): OutputCourses {
  const active = new Map<number, Running>();

  const trySet = (offset: number, level: boolean): boolean => {
    try {
      set(offset, level);
      return true;
    } catch (error) {
      onError(offset, error);
      return false;
    }
  };

  const cancel = (offset: number): void => {
    active.get(offset)?.stop.abort(new Error("the course was replaced"));
    active.delete(offset);
  };

  const run = async (offset: number, { steps, repeats, end }: Course, signal: AbortSignal): Promise<void> => {
    let due = clock.monotonic();
    const rounds = repeats === 0 ? Number.POSITIVE_INFINITY : repeats;
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, { level, duration }] of steps.entries()) {
        // The first level was set when the course began.
        if ((round > 0 || i > 0) && !trySet(offset, level)) return;
        const now = clock.monotonic();
        // By the time of the start, so that delays do not add up; but what is a whole step late is not made up for.
        due = millis(due + duration < now ? now : due + duration);
        await clock.sleep(millis(due - now), signal);
      }
    }
    if (end !== undefined) trySet(offset, end);
  };

  return {
    start(offset, course) {
      const [first] = course.steps;
      if (first === undefined) return;
      set(offset, first.level);
      cancel(offset);
      const running: Running = { endless: course.repeats === 0, stop: new AbortController() };
      active.set(offset, running);
      run(offset, course, running.stop.signal).then(
        () => {
          if (active.get(offset) === running) active.delete(offset);
        },
        // Replaced, cancelled, or ended with the provider.
        () => {},
      );
    },
    cancel,
    endEndless(offset) {
      if (active.get(offset)?.endless !== true) return;
      cancel(offset);
      trySet(offset, false);
    },
    async [Symbol.asyncDispose]() {
      for (const offset of active.keys()) {
        cancel(offset);
        trySet(offset, false);
      }
    },
  };
}
