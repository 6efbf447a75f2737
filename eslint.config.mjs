import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Tests, and what only tests use.
const TESTS = [
  '**/*.test.ts',
  '**/*.fixture.ts',
  '**/src/testing.ts',
  '**/src/testing/**',
  'packages/testkit/**/*.ts',
  'infra/deploy/with-*/**/*.ts',
  'e2e/**/*.ts',
];

// Programs a person runs in a terminal; everything else logs through the logger.
const TERMINAL = [
  '**/cli/**',
  '**/cli.ts',
  'packages/contracts/*.ts',
  'tools/**',
  'infra/**',
  'e2e/**',
  'bench/**',
  'examples/**',
];

/** What makes an outcome depend on when or where it is computed. */
const NO_CLOCK_OR_CHANCE = {
  'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate'],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Time is an argument here.' },
    { object: 'Math', property: 'random', message: 'Chance is an argument here.' },
  ],
  'no-restricted-syntax': [
    'error',
    {
      selector: "NewExpression[callee.name='Date'][arguments.length=0]",
      message: 'Time is an argument here.',
    },
  ],
};

export default defineConfig(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/coverage/**', '**/.local/**', '**/*.gen.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // A promise nobody waits for is an error nobody sees, and an offset that moves too early.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Skips files with decorators by itself: there a type-only import would break Nest's injection by type.
      '@typescript-eslint/consistent-type-imports': 'error',
      // An async function without await keeps its promise to an interface, and turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: nodeGlobals() },
  },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  { files: TERMINAL, rules: { 'no-console': 'off' } },
  {
    files: TESTS,
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'off',
    },
  },
  {
    files: ['packages/{contracts,domain,signing}/src/**/*.ts'],
    // A receiver's middleware is at the edge: it has the clock unless it is given another.
    ignores: [...TESTS, 'packages/signing/src/receiver/receiver-options.ts'],
    rules: NO_CLOCK_OR_CHANCE,
  },
);

function nodeGlobals() {
  const names = [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'URL',
    'URLSearchParams',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'globalThis',
    'module',
    'process',
    'require',
    'setImmediate',
    'setInterval',
    'setTimeout',
  ];
  return Object.fromEntries(names.map((name) => [name, 'readonly']));
}
