import { globSync } from 'node:fs';

/** One run for the whole repository: every folder that has a jest.config.mjs is a project, selected by its displayName. */
export default {
  // 60 s: jest's 5 s fails sound tests on two cores that also run Kafka, Postgres and the apps.
  testTimeout: 60_000,
  projects: globSync('{packages,apps,tools,examples/receivers}/*/jest.config.mjs')
    .concat(globSync('{infra/local,infra/deploy,e2e}/jest.config.mjs'))
    .map((path) => `<rootDir>/${path.replace('/jest.config.mjs', '')}`),
};
