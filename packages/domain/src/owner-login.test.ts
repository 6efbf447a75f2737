import { describe, expect, it } from '@jest/globals';
import { ownerLoginOf, ownerLoginsOf } from './owner-login.js';

const repository = { id: 1, name: 'reel', full_name: 'Studio/reel' };

describe('ownerLoginOf', () => {
  it.each([
    [{ ...repository, owner: { login: 'Octo-Cat' } }, 'octo-cat'],
    [{ ...repository, owner: { login: null } }, 'studio'],
    [{ ...repository, owner: { login: '' } }, 'studio'],
    [{ ...repository, owner: null }, 'studio'],
    [repository, 'studio'],
    [{ ...repository, full_name: 'reel' }, 'reel'],
  ])('of %j is %s', (repo, login) => {
    expect(ownerLoginOf({ repository: repo })).toBe(login);
  });
});

describe('ownerLoginsOf', () => {
  it.each([
    [repository, ['studio']],
    [{ ...repository, owner: { login: 'STUDIO' } }, ['studio']],
    [{ ...repository, owner: { login: 'Mallory' } }, ['mallory', 'studio']],
    [{ ...repository, owner: { login: 'Mallory' }, full_name: 'reel' }, ['mallory']],
    [{ ...repository, full_name: 'reel' }, ['reel']],
    [{ ...repository, owner: { login: 'studio' }, full_name: '/reel' }, ['studio', '']],
  ])('of %j is %j', (repo, logins) => {
    expect(ownerLoginsOf({ repository: repo })).toEqual(logins);
  });
});
