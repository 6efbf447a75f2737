export interface ApiClient {
  /** The answer's JSON, or null for an empty one. Throws with the problem's own words on any status but 2xx. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
}

/** Calls the local api as its bootstrap token. */
export function apiClient(options: { api: string; token: string; signal?: AbortSignal }): ApiClient {
  const { api, token, signal } = options;
  return {
    async call(method, path, body) {
      const timeout = AbortSignal.timeout(10_000);
      const response = await fetch(new URL(path, api), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
      return text === '' ? null : (JSON.parse(text) as unknown);
    },
  };
}
