/**
 * Which part may import which. Run: `pnpm exec depcruise apps packages tools infra e2e bench examples`.
 *
 * Imports point one way: contracts <- domain <- adapters <- runtime <- apps. Packages reach each other through
 * their package exports (their dist), so build first: an import that does not resolve is an error too.
 */

/** What each package may import of the others. Tests may import the testkit besides. */
const PACKAGE_IMPORTS = {
  contracts: [],
  signing: [],
  domain: ['contracts'],
  kafka: ['contracts', 'domain'],
  'http-delivery': ['contracts', 'domain', 'signing'],
  persistence: ['contracts', 'domain', 'signing'],
  runtime: ['contracts', 'domain', 'signing', 'kafka'],
  publisher: ['contracts', 'domain', 'kafka'],
  testkit: ['contracts', 'domain', 'signing'],
};

/** Tests, and what only tests use. */
const TEST = '\\.(test|fixture)\\.ts$|/src/testing(\\.ts$|/)';
/** Folders that put whole systems together, or are run beside one: they may use any client. */
const OUTSIDE = '^(e2e|bench|infra|tools)/';

const packageRules = Object.entries(PACKAGE_IMPORTS).map(([name, allowed]) => ({
  name: `${name}-imports`,
  comment: `packages/${name} may import of our own only: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: `^packages/${name}/`, pathNot: TEST },
  to: {
    path: '^(packages|apps|infra|tools|e2e|bench|examples)/',
    pathNot: `^packages/(${[name, ...allowed].join('|')})/`,
  },
}));

/** `module` may be imported only from `from`. */
const onlyFrom = (name, module, from) => ({
  name: `${name}-only-in-its-place`,
  comment: `${name} has one place; others go through that package.`,
  severity: 'error',
  from: { pathNot: from },
  to: { path: `(^|/)node_modules/(${module})(/|$)|^(${module})(/|$)` },
});

module.exports = {
  forbidden: [
    ...packageRules,
    {
      name: 'pure-packages-do-no-io',
      comment: 'contracts, domain and signing decide; of Node they may use only crypto, buffer and util.',
      severity: 'error',
      from: { path: '^packages/(contracts|domain|signing)/src/', pathNot: TEST },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer|util)$' },
    },
    {
      name: 'signing-is-only-crypto',
      comment: 'Receivers import signing: it has no dependencies, and of Node only crypto.',
      severity: 'error',
      from: { path: '^packages/signing/src/', pathNot: TEST },
      to: { pathNot: ['^packages/signing/', '^(node:)?crypto$'] },
    },
    {
      name: 'domain-has-no-dependencies',
      comment:
        'A decision that needs a library is probably two things; ipaddr.js only reads and compares addresses.',
      severity: 'error',
      from: { path: '^packages/domain/src/', pathNot: TEST },
      to: { path: 'node_modules/', pathNot: 'node_modules/ipaddr\\.js/' },
    },
    onlyFrom('kafkajs', 'kafkajs|@kafkajs', `^packages/kafka/|${OUTSIDE}`),
    onlyFrom('undici', 'undici', `^packages/http-delivery/|${OUTSIDE}`),
    onlyFrom('typeorm', 'typeorm', '^packages/persistence/'),
    onlyFrom('pg', 'pg', `^packages/(persistence|testkit)/|${OUTSIDE}|${TEST}`),
    {
      name: 'no-app-imports-an-app',
      comment: 'Apps meet on topics and over HTTP.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'apps-import-packages-only',
      severity: 'error',
      from: { path: '^apps/' },
      to: { path: '^(infra|tools|e2e|bench|examples)/' },
    },
    {
      name: 'testkit-only-in-tests',
      severity: 'error',
      from: { pathNot: `^packages/testkit/|^(e2e|bench|infra)/|${TEST}` },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'test-support-only-in-tests',
      severity: 'error',
      from: { pathNot: `^(e2e|bench)/|${TEST}` },
      to: { path: TEST },
    },
    {
      name: 'examples-stand-alone',
      comment: 'An example is what a stranger starts from: nothing of ours, but in its test.',
      severity: 'error',
      from: { path: '^examples/', pathNot: TEST },
      to: { path: '^(packages|apps|infra|tools|e2e|bench)/' },
    },
    {
      name: 'no-import-by-path',
      comment: 'Another package is imported by its name, never by a path into its files.',
      severity: 'error',
      from: { path: '^(packages|apps|tools|examples/receivers)/([^/]+)/' },
      to: {
        path: '^(packages|apps|tools|infra|examples/receivers)/[^/]+/',
        pathNot: '^$1/$2/',
        dependencyTypes: ['local'],
      },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-undeclared-dependency',
      comment:
        'Declare it in the package.json of the package that imports it; tests may use what the root declares.',
      severity: 'error',
      from: { pathNot: `${TEST}|^[^/]+$` },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(packages|apps)/[^/]+/src/', pathNot: `${TEST}|^packages/testkit/` },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    exclude: { path: '(^|/)(coverage|\\.local|\\.turbo)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
    cache: false,
  },
};
