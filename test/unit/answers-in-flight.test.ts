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

test('beyond the limit of a workspace only its oldest answer arrives, and the others continue when it ends', () => {
  const inFlight = createAnswersInFlight(100)
  const [first, second, third] = [open(inFlight, 'a'), open(inFlight, 'a'), open(inFlight, 'a')]
  const other = open(inFlight, 'b')
  expect([second.add(60), first.add(60), second.add(60), third.add(1)]).toEqual([true, true, false, false])
  expect([first.add(60), other.add(100)]).toEqual([true, true])
  expect([inFlight.isFull('a'), inFlight.isFull('b'), inFlight.isFull('c')]).toEqual([true, false, false])
  first.release()
  expect([first.resumed, second.resumed, third.resumed, other.resumed]).toEqual([0, 1, 0, 0])
  second.release()
  expect([second.resumed, third.resumed]).toEqual([1, 1])
  expect([third.add(99), inFlight.isFull('a')]).toEqual([true, false])
})
