// Finds texts that look like keys. The patterns skip the placeholders of documentation and tests (`sk-…`, words).

const KINDS: readonly [kind: string, pattern: RegExp][] = [
  ['a Fly token', /\b(FlyV1 fm\d_[A-Za-z0-9+/=]{20,}|fo1_[A-Za-z0-9_-]{30,}|fm2_[A-Za-z0-9+/=]{40,})/],
  ['a GitHub token', /\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})/],
  ['an AWS access key', /\b(AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['an API key of a model provider', /\bsk-(ant-|proj-|or-)?[A-Za-z0-9_-]{32,}/],
  ['a Slack token', /\bxox[abprs]-[A-Za-z0-9-]{20,}/],
  ['a token of this server', /\bmol_[A-Za-z0-9_-]{43}\b/],
  [
    'a database with its password',
    /\bpostgres(?:ql)?:\/\/[^\s:@/]+:[^\s:@/]{8,}@[^\s/]*\.(?:neon\.tech|amazonaws\.com|supabase\.co|fly\.dev)/,
  ],
]

/** @returns the findings with their line numbers, from 1 */
export function findKeys(text: string): { kind: string; line: number }[] {
  return text
    .split('\n')
    .flatMap((content, at) =>
      KINDS.filter(([, pattern]) => pattern.test(content)).map(([kind]) => ({ kind, line: at + 1 })),
    )
}
