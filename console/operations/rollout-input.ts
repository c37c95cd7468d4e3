// From the form of a rollout to the request that starts it. Pure. What is empty is left to the server.
import type { paths } from '../../client/client.ts'

export type StartRollout = paths['/rollouts']['post']['requestBody']['content']['application/json']

/** @param text the text of a field of the form */
export function readRolloutForm(text: (name: string) => string): StartRollout {
  const image = text('image')
  const tranches = text('tranches')
    .split(/[\s,]+/)
    .filter((size) => size !== '')
    .map((size) => (/^\d+$/.test(size) ? Number(size) : size))
  const number = (name: string) => (text(name) === '' ? {} : { [name]: Number(text(name)) })
  const whenBusy = WHEN_BUSY.find(({ value }) => value === text('when_busy'))
  return {
    runtime: text('runtime'),
    ...(image.startsWith('sha256:') ? { digest: image } : { image }),
    ...(tranches.length === 0 ? {} : { tranches }),
    ...number('max_failures'),
    ...number('watch_seconds'),
    ...(whenBusy === undefined ? {} : { when_busy: whenBusy.value }),
  }
}

export const WHEN_BUSY = [
  { value: 'skip', text: 'left after an hour' },
  { value: 'wait', text: 'waited for' },
  { value: 'restart', text: 'restarted after an hour' },
] as const
