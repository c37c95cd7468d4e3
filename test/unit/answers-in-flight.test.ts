// What the answers to stored messages may occupy, workspace by workspace.
import { expect, test } from 'vitest'
import { createAnswersInFlight } from '../../lib/a2a/answers-in-flight.ts'

const open = (inFlight: ReturnType<typeof createAnswersInFlight>, workspaceId: string) => {
  const answer = { resumed: 0 }
  return Object.assign(
    answer,
    inFlight.open(workspaceId, () => void answer.resumed++),
  )
}

test('beyond the limit of a workspace only its largest answer arrives, and the others continue when it ends', () => {
  const inFlight = createAnswersInFlight(100)
  const [silent, first, second] = [open(inFlight, 'a'), open(inFlight, 'a'), open(inFlight, 'a')]
  const other = open(inFlight, 'b')
  expect([first.add(40), second.add(50), first.add(40)]).toEqual([true, true, true])
  expect([second.add(20), first.add(20), other.add(100)]).toEqual([false, true, true])
  expect([inFlight.isFull('a'), inFlight.isFull('b'), inFlight.isFull('c')]).toEqual([true, false, false])
  first.release()
  expect([silent.resumed, first.resumed, second.resumed, other.resumed]).toEqual([0, 0, 1, 0])
  expect([second.add(10), silent.add(20), inFlight.isFull('a')]).toEqual([true, true, false])
})

test('an answer that waits continues when it has become the largest', () => {
  const inFlight = createAnswersInFlight(100)
  const [first, second, third] = [open(inFlight, 'a'), open(inFlight, 'a'), open(inFlight, 'a')]
  expect([first.add(95), second.add(60), third.add(70)]).toEqual([true, false, false])
  first.release()
  expect([second.resumed, third.resumed]).toEqual([0, 1])
  third.release()
  expect([second.resumed, inFlight.isFull('a')]).toEqual([1, false])
})

test('an answer continues at once when what was under way makes it the largest', () => {
  const inFlight = createAnswersInFlight(100)
  const [first, second] = [open(inFlight, 'a'), open(inFlight, 'a')]
  expect([first.add(70), second.add(60), second.add(20)]).toEqual([true, false, true])
  expect([first.resumed, second.resumed]).toEqual([0, 1])
})
