// Waiting that a signal can end. A signal that lives as long as its machine must not keep what has waited for it.
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { orAborted } from '../../lib/emulator/shared/abort.ts'

test.each([
  ['succeeds', () => Promise.resolve('done'), 'done'],
  ['fails', () => Promise.reject(new Error('refused')), 'refused'],
])('work that %s leaves nothing behind at its signal', async (_, work, expected) => {
  const ended = new AbortController()
  const waiting = orAborted(work(), ended.signal)
  expect(getEventListeners(ended.signal, 'abort')).toHaveLength(1)
  expect(await waiting.catch((error: Error) => error.message)).toBe(expected)
  expect(getEventListeners(ended.signal, 'abort')).toEqual([])
})

test.each(['before', 'while'])(
  'work that never ends is given up when its signal aborts %s it is waited for',
  async (when) => {
    const ended = new AbortController()
    if (when === 'before') ended.abort(new Error('over'))
    const waiting = orAborted(new Promise(() => {}), ended.signal)
    ended.abort(new Error('over'))
    await expect(waiting).rejects.toThrow('over')
  },
)
