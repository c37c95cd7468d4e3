// Something that is read from the API when a view appears, and again when one of its inputs changes. Old data stays visible while
// newer data is read.
import { useEffect, useState } from 'preact/hooks'

export type Resource<Value> = {
  value: Value | undefined
  problem: unknown
  isLoading: boolean
  /** When the value was read, as an ISO time. */
  readAt: string | undefined
  reload: () => void
}

/** @param inputs of primitive values; a change of one reads again */
export function useResource<Value>(read: () => Promise<Value>, inputs: readonly unknown[]): Resource<Value> {
  const [state, setState] = useState<{
    value?: Value
    problem?: unknown
    isLoading: boolean
    readAt?: string
  }>({
    isLoading: true,
  })
  const [attempt, setAttempt] = useState(0)

  useEffect(() => {
    let isCurrent = true
    setState((before) => ({ ...before, isLoading: true }))
    read().then(
      (value) => isCurrent && setState({ value, isLoading: false, readAt: new Date().toISOString() }),
      (problem: unknown) => isCurrent && setState((before) => ({ ...before, problem, isLoading: false })),
    )
    return () => {
      isCurrent = false
    }
  }, [...inputs, attempt])

  return {
    value: state.value,
    problem: state.problem,
    isLoading: state.isLoading,
    readAt: state.readAt,
    reload: () => setAttempt((count) => count + 1),
  }
}
