export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** All that were found, run or not. */
  total: number;
}

/** Counts the tests in Jest's JSON results. A file that cannot even be loaded counts as one failure. */
export function countTests(results: object): TestCounts {
  const numbers = results as Record<string, number | undefined>;
  const of = (name: string) => numbers[name] ?? 0;
  return {
    passed: of('numPassedTests'),
    failed: of('numFailedTests') + of('numRuntimeErrorTestSuites'),
    skipped: of('numPendingTests') + of('numTodoTests'),
    total: of('numTotalTests') + of('numRuntimeErrorTestSuites'),
  };
}

/** The counts with failures of something that is not a test. */
export function addFailures(counts: TestCounts, failures: number): TestCounts {
  return { ...counts, failed: counts.failed + failures };
}

/** Whether this is a good end: something was run, all of it, and it passed. */
export function isGood({ passed, failed, skipped, total }: TestCounts): boolean {
  return total > 0 && passed === total && failed === 0 && skipped === 0;
}

/** The last line of `npm test`. */
export function closingLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
