import { ConfigError } from '@dits/contracts';
import { describe, expect, it } from '@jest/globals';
import { accessConfig, createAuthentication } from './access-config.js';
import { readConfig } from './config.js';
import { linesLog } from './testing.js';

const tokens = { verifyToken: async () => null, knows: () => false };

describe('settings of who may call', () => {
  it('take no JWTs and trust no proxy by default', () => {
    expect(readConfig(accessConfig, {})).toMatchObject({ trustedProxies: [], jwtIssuer: undefined });
  });

  it.each([
    [
      'DITS_TRUSTED_PROXIES',
      '10.0.0.0/8, ::1,192.0.2.7',
      'trustedProxies',
      ['10.0.0.0/8', '::1', '192.0.2.7'],
    ],
    ['DITS_JWT_ALGORITHMS', 'PS256,Ed25519', 'jwtAlgorithms', ['PS256', 'Ed25519']],
    ['DITS_JWT_JWKS_URL', 'https://id.example/jwks', 'jwtJwksUrl', new URL('https://id.example/jwks')],
    ['DITS_JWT_JWKS_URL', 'http://127.0.0.1:8/jwks', 'jwtJwksUrl', new URL('http://127.0.0.1:8/jwks')],
    ['DITS_JWT_JWKS_URL', 'http://[::1]/jwks', 'jwtJwksUrl', new URL('http://[::1]/jwks')],
    ['DITS_JWT_SCOPE_NAMES', 'a=b=admin', 'jwtScopeNames', new Map([['a=b', 'admin']])],
  ])('%s can be %s', (env, text, name, value) => {
    expect(readConfig(accessConfig, { [env]: text })).toMatchObject({ [name]: value });
  });

  it.each([
    ['DITS_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['DITS_TRUSTED_PROXIES', 'proxy.example'],
    ['DITS_TRUSTED_PROXIES', '10.0.0.1/8/8'],
    ['DITS_JWT_ALGORITHMS', 'RS256,none'],
    ['DITS_JWT_ALGORITHMS', 'HS256'],
    ['DITS_JWT_JWKS_URL', 'http://id.example/jwks'],
    ['DITS_JWT_JWKS_URL', 'http://127.0.0.1.evil.example/jwks'],
    ['DITS_JWT_JWKS_URL', 'file:///jwks'],
    ['DITS_JWT_SCOPE_NAMES', 'writers=webhooks'],
    ['DITS_JWT_SCOPE_NAMES', '=admin'],
    ['DITS_JWT_CLOCK_TOLERANCE_S', '301'],
  ])('%s can not be %s', (env, text) => {
    expect(() => readConfig(accessConfig, { [env]: text })).toThrow(ConfigError);
  });

  it.each([
    { DITS_JWT_ISSUER: 'https://id.example' },
    { DITS_JWT_ISSUER: 'https://id.example', DITS_JWT_JWKS_URL: 'https://id.example/jwks' },
    { DITS_JWT_AUDIENCE: 'dits', DITS_JWT_JWKS_URL: 'https://id.example/jwks' },
  ])('half of a provider is refused: %j', (env) => {
    const config = readConfig(accessConfig, env);
    expect(() => createAuthentication(config, { tokens, log: linesLog().log, now: Date.now })).toThrow(
      ConfigError,
    );
  });
});
