// Prints why a test failed that passed when it was repeated (`--retry`): otherwise the cause of a rare failure is lost.
import type { Reporter, TestCase } from 'vitest/node'

export class RepeatedTests implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { errors, state } = test.result()
    if (state !== 'passed' || errors === undefined || errors.length === 0) return
    const causes = errors.map(({ diff, message, stack }) => [stack ?? message, diff].join('\n'))
    console.error(`Repeated: ${test.module.relativeModuleId} › ${test.fullName}\n${causes.join('\n')}`)
  }
}
