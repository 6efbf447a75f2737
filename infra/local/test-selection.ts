/** What `--only` takes. */
export const TEST_PARTS = ['unit', 'int', 'e2e'] as const;
export type TestPart = (typeof TEST_PARTS)[number];

// Given to Jest they take the place of those of the projects.
const NEVER = ['/node_modules/', '/dist/', '/with-tools/', '/with-containers/'];

/** Jest's arguments for a part of the tests; paths may follow. */
export function selectionOf(part: TestPart): string[] {
  switch (part) {
    case 'unit':
      return ['--ignoreProjects', 'e2e', '--testPathIgnorePatterns', ...NEVER, '\\.int\\.test\\.ts$', '--'];
    case 'int':
      return ['--testPathPatterns', '\\.int\\.test\\.ts$', '--'];
    case 'e2e':
      return ['--selectProjects', 'e2e', '--'];
  }
}
