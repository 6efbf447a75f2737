import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', path), 'utf8');
const workspace = read('pnpm-workspace.yaml');
const settings = parse(workspace);
const lock = parse(read('pnpm-lock.yaml'));
/** `name@version` of each package, without the peers that it was resolved with. */
const locked = Object.keys(lock.packages);

describe('dependencies', () => {
  it('have the reason beside each that may, or may not, run a script when it is installed', () => {
    const [block] = /^allowBuilds:\n(?: .*\n)+/m.exec(workspace)!;
    const lines = block.trimEnd().split('\n').slice(1);
    expect(lines.length).toBe(Object.keys(settings.allowBuilds).length);
    expect(lines.filter((line) => !/: (true|false) # .{10,}\.$/.test(line))).toEqual([]);
  });

  it('may run a script only where they are in use', () => {
    const unused = Object.keys(settings.allowBuilds).filter(
      (name) => !locked.some((one) => one.startsWith(`${name}@`)),
    );
    expect(unused).toEqual([]);
  });

  it('fail the install for a script that nobody has judged', () => {
    expect(settings.dangerouslyAllowAllBuilds ?? false).toBe(false);
    expect(settings.strictDepBuilds ?? true).toBe(true);
  });

  it('come from the registry alone, with the hash of what was judged', () => {
    const others = Object.entries<any>(lock.packages).filter(([, { resolution }]) => {
      const { integrity, ...elsewhere } = resolution;
      return !/^sha512-/.test(integrity ?? '') || Object.keys(elsewhere).length > 0;
    });
    expect(others.map(([name]) => name)).toEqual([]);
    expect(locked.length).toBeGreaterThan(500);
  });

  it('have exact versions where we name them', () => {
    const ours = ['package.json', ...Object.keys(lock.importers).map((path) => join(path, 'package.json'))];
    const loose = [...new Set(ours)].flatMap((path) => {
      const { dependencies, devDependencies } = JSON.parse(read(path));
      return Object.entries<string>({ ...dependencies, ...devDependencies })
        .filter(([, version]) => !/^(catalog:|workspace:|(npm:[^@]+@)?\d+\.\d+\.\d+)/.test(version))
        .map(([name, version]) => `${path}: ${name} ${version}`);
    });
    const inCatalog = Object.entries<string>(settings.catalog).filter(([, v]) => !/^\d+\.\d+\.\d+/.test(v));
    expect([loose, inCatalog]).toEqual([[], []]);
  });
});
