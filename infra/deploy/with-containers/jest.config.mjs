import preset from '../../../jest.preset.mjs';

// 30 min: the first build on a slow machine fetches and compiles everything.
export default { ...preset, displayName: 'with containers', testTimeout: 1_800_000 };
