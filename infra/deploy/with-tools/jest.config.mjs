import preset from '../../../jest.preset.mjs';

export default { ...preset, displayName: 'with tools', testTimeout: 120_000 };
