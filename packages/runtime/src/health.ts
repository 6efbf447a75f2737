/** What one check found. `detail` is for people: a text, or a few facts. */
export interface CheckResult {
  ok: boolean;
  detail?: string | Record<string, unknown>;
}

/** Says whether one thing the process needs works now; must be quick and must not throw for an expected state. */
export type HealthCheck = () => CheckResult | Promise<CheckResult>;

/** All checks together: what `/readyz` prints. */
export interface HealthReport {
  ok: boolean;
  checks: Record<string, CheckResult>;
}

// A check that asks a server must not hang the probe: kubelet's default patience is 1 s.
const CHECK_TIMEOUT_MS = 900;

/** The checks of a process, by name. It is ready when all of them are ok. */
export class HealthRegistry {
  private readonly checks = new Map<string, HealthCheck>();

  /** Adds a check; a later one of the same name takes its place. */
  register(name: string, check: HealthCheck): void {
    this.checks.set(name, check);
  }

  /** Takes a check away. */
  unregister(name: string): void {
    this.checks.delete(name);
  }

  /** Runs all checks at once. One that throws or takes longer than 900 ms is not ok. */
  async report(): Promise<HealthReport> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await runCheck(check)] as const),
    );
    return { ok: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
  }
}

async function runCheck(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, {
      ok: false,
      detail: `no answer within ${CHECK_TIMEOUT_MS} ms`,
    });
  });
  try {
    return await Promise.race([check(), tooLate]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
