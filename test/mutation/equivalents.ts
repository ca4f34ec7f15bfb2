/** Mutants that no test can kill, because the mutated program does the same; each with the reason. */

export interface Equivalent {
  readonly file: string;
  /** The source line that holds the mutated code, without its indentation. A line that changes needs a new look. */
  readonly line: string;
  /** The mutated code and its replacement, as the run prints them. */
  readonly mutant: string;
  /** Why the program does the same. */
  readonly because: string;
}

export const EQUIVALENTS: readonly Equivalent[] = [
  {
    file: 'functions/launcher/core/lanes.ts',
    line: "return capacity === 'spot' && newest !== undefined && startCauseOf(newest.detail).cause === 'capacity';",
    mutant: "capacity === 'spot' → true",
    because: 'A lane that is on demand already becomes a copy of itself; lanes are compared by their task definition.',
  },
  {
    file: 'functions/launcher/core/out-of-memory.ts',
    line: "function signOf({ containerReason = '', exitCode, stopCode }: Task): OutOfMemory['sign'] | undefined {",
    mutant: '\'\' → "Stryker was here!"',
    because: 'Neither string contains OutOfMemory, the only thing that is looked for.',
  },
  {
    file: 'lib/monitoring.ts',
    line: "widgets.push(new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 }));",
    mutant: '\'Alarms\' → ""',
    because: 'The CDK gives a widget without a title the same one.',
  },
];
