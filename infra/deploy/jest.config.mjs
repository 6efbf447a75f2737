import preset from '../../jest.preset.mjs';

// What needs tools or an engine that not every machine has runs by commands of its own.
export default {
  ...preset,
  displayName: 'deploy',
  testPathIgnorePatterns: [...preset.testPathIgnorePatterns, '/with-tools/', '/with-containers/'],
};
