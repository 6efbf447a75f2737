import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createDatabase } from './create-database.js';

describe('createDatabase', () => {
  it('makes an empty database, and removes it even while somebody is connected', async () => {
    const database = await createDatabase();
    const client = new Client({ connectionString: database.url });
    client.on('error', () => {}); // it is ended from the other side, on purpose
    await client.connect();
    const tables = await client.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
    expect(tables.rowCount).toBe(0);

    await database.drop();
    await expect(new Client({ connectionString: database.url }).connect()).rejects.toMatchObject({
      code: '3D000',
    });
    await client.end().catch(() => {});
  });
});
