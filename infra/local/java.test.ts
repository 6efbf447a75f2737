import { describe, expect, it } from '@jest/globals';
import { parseJavaVersion } from './java.mjs';

describe('parseJavaVersion', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17],
    ['openjdk version "21" 2023-09-19', 21],
    ['openjdk version "26-ea" 2026-03-17', 26],
    ['java version "1.8.0_402"\nJava(TM) SE Runtime Environment', 8],
    ['IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="25.0.1"\nOS_ARCH="x86_64"', 25],
    ['Picked up JAVA_TOOL_OPTIONS: -Dfile.encoding=UTF-8\nopenjdk version "21.0.4" 2024-07-16', 21],
  ])('reads the major version out of %j', (text, version) => {
    expect(parseJavaVersion(text)).toBe(version);
  });

  it('finds none in what is no version', () => {
    expect(parseJavaVersion('java: command not found')).toBeNull();
  });
});
