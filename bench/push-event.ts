/** A push as a studio would send it: three commits, about 1.5 kB as JSON. */
export function pushEvent({
  repositoryId,
  i,
  eventId,
}: {
  repositoryId: number;
  i: number;
  eventId: string;
}) {
  const author = { name: 'Octocat', email: 'octocat@example.com' };
  const commits = [0, 1, 2].map((n) => ({
    id: `${i}-${n}`.padEnd(40, '0'),
    message: `Grade scene ${i}.${n}\n\nWarmer skin, cooler shadows.`,
    author,
    timestamp: '2026-11-25T09:12:13Z',
    added: [`footage/scene-${i}/take-${n}.mov`],
    modified: [`grades/scene-${i}.cube`],
    removed: [],
  }));
  return {
    event: 'push' as const,
    repository: {
      id: repositoryId,
      name: 'my-project',
      full_name: `user/my-project-${repositoryId}`,
      private: false,
    },
    sender: { id: 456, login: 'octocat', type: 'user' as const },
    commits,
    head_commit: commits[2]!,
    ref: 'refs/heads/main',
    forced: false,
    total_commits: 3,
    event_id: eventId,
  };
}
