// The result of a check: one line, and below it how to fix it. A check never throws and never prints.

/** `wrong` breaks something; `warning` may be intended; `skipped` could not be checked, or need not be. */
export type State = 'ok' | 'warning' | 'wrong' | 'skipped'

export type Finding = {
  state: State
  detail: string
  /** Commands, and sentences where no command helps, in the order in which to do them. */
  fix: string[]
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail, fix: [] })
export const skipped = (why: string): Finding => ({ state: 'skipped', detail: why, fix: [] })
export const warning = (detail: string, ...fix: string[]): Finding => ({ state: 'warning', detail, fix })
export const wrong = (detail: string, ...fix: string[]): Finding => ({ state: 'wrong', detail, fix })

const RANK: Record<State, number> = { ok: 0, skipped: 1, warning: 2, wrong: 3 }

/** Combines several findings of one check. The result has the worst state. */
export function combine(findings: readonly Finding[]): Finding {
  const worst = findings.toSorted((a, b) => RANK[b.state] - RANK[a.state])[0]
  return {
    state: worst?.state ?? 'ok',
    detail: findings.map(({ detail }) => detail).join('; '),
    fix: findings.flatMap(({ fix }) => fix),
  }
}

/** The message of an error, or of its cause, where fetch and the database driver put theirs. */
export function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  // Several addresses were tried: the error of the first is enough.
  const first = cause instanceof AggregateError && cause.message === '' ? cause.errors[0] : cause
  return first instanceof Error ? first.message : String(first)
}
