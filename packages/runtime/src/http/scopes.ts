/** Everything a token may be allowed to do. `admin` includes the others. */
export const SCOPES = ['events:write', 'webhooks:read', 'webhooks:write', 'admin'] as const;
