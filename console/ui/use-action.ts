// Something that a button does: whether it is under way, and why it failed.
import { useState } from 'preact/hooks'

export type Action<Input extends unknown[]> = {
  run: (...input: Input) => void
  isBusy: boolean
  problem: unknown
}

export function useAction<Input extends unknown[]>(
  perform: (...input: Input) => Promise<void>,
): Action<Input> {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<unknown>()

  async function run(...input: Input): Promise<void> {
    setBusy(true)
    setProblem(undefined)
    try {
      await perform(...input)
    } catch (error) {
      setProblem(error)
    } finally {
      setBusy(false)
    }
  }

  return { run: (...input) => void run(...input), isBusy, problem }
}
