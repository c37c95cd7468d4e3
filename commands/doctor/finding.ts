// What a check says: one line, and below it what to do. A check never throws and never prints.

/** `wrong` keeps something from working; `warning` may be as it should be; `skipped` could not be looked at, or need not be. */
export type State = 'ok' | 'warning' | 'wrong' | 'skipped'

export type Finding = {
  state: State
  detail: string
  /** Commands, and sentences where no command does it; in the order in which to do them. */
  fix: string[]
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail, fix: [] })
export const skipped = (why: string): Finding => ({ state: 'skipped', detail: why, fix: [] })
export const warning = (detail: string, ...fix: string[]): Finding => ({ state: 'warning', detail, fix })
export const wrong = (detail: string, ...fix: string[]): Finding => ({ state: 'wrong', detail, fix })

const RANK: Record<State, number> = { ok: 0, skipped: 1, warning: 2, wrong: 3 }

/** Several findings of one check as one, as grave as the gravest. */
export function together(findings: readonly Finding[]): Finding {
  const gravest = findings.toSorted((a, b) => RANK[b.state] - RANK[a.state])[0]
  return {
    state: gravest?.state ?? 'ok',
    detail: findings.map(({ detail }) => detail).join('; '),
    fix: findings.flatMap(({ fix }) => fix),
  }
}

/** What an error says, with the cause that fetch and the database's driver put theirs in. */
export function sentenceOf(error: unknown): string {
  const told = error instanceof Error && error.cause instanceof Error ? error.cause : error
  // Several addresses were tried: the first one's trouble is as good as any.
  const first = told instanceof AggregateError && told.message === '' ? told.errors[0] : told
  return first instanceof Error ? first.message : String(first)
}
