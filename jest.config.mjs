import { globSync } from 'node:fs';

/** One run for the whole repository: every folder that has a jest.config.mjs is a project, selected by its displayName. */
export default {
  projects: globSync('{packages,apps,tools,examples/receivers}/*/jest.config.mjs')
    .concat(globSync('{infra/local,e2e}/jest.config.mjs'))
    .map((path) => `<rootDir>/${path.replace('/jest.config.mjs', '')}`),
};
