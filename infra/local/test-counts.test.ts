import { describe, expect, it } from '@jest/globals';
import { addFailures, closingLine, countTests, isGood } from './test-counts.ts';

const results = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numTotalTests: 3,
};

describe('the closing line of npm test', () => {
  it('says what passed, failed and was skipped', () => {
    expect(closingLine({ passed: 123, failed: 0, skipped: 0, total: 123 })).toBe(
      '123 passed, 0 failed, 0 skipped',
    );
  });

  it.each([
    ['everything passed', results, true],
    ['a test failed', { ...results, numPassedTests: 2, numFailedTests: 1 }, false],
    ['a test was skipped', { ...results, numPassedTests: 2, numPendingTests: 1 }, false],
    ['a test is still to do', { ...results, numTodoTests: 1, numTotalTests: 4 }, false],
    ['a file could not be loaded', { ...results, numRuntimeErrorTestSuites: 1 }, false],
    ['no test was run', { ...results, numPassedTests: 0, numTotalTests: 0 }, false],
    ['there are no results', {}, false],
  ])('when %s: %j is good: %s', (_title, json, good) => {
    expect(isGood(countTests(json))).toBe(good);
  });

  it('counts a failed check as a failure', () => {
    const counts = addFailures(countTests(results), 1);
    expect(isGood(counts)).toBe(false);
    expect(closingLine(counts)).toBe('3 passed, 1 failed, 0 skipped');
  });
});
