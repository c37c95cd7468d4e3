// The logs of an app's machines, from `https://api.fly.io` (docs/facts/fly.md §12.2). Fly keeps them for a short time.

import { z } from 'zod'
import type { CallOptions, Requester } from './request.ts'
import { whenUsed } from '../platform/when-used.ts'

export type FlyLogLine = {
  id: string
  timestamp: string
  message: string
  level: string
  instance: string
  region: string
  /** `app`, `runner`, `proxy` and others. */
  provider: string
}

/** `nextToken` is undefined when Fly sent none: the token of before then stays valid. */
export type FlyLogPage = { lines: FlyLogLine[]; nextToken: string | undefined }

const text = whenUsed(() => z.string().nullish().catch(''))

const line = whenUsed(() =>
  z.looseObject({
    id: z.union([z.string(), z.number()]).nullish().catch(''),
    attributes: z.looseObject({
      timestamp: text,
      message: text,
      level: text,
      instance: text,
      region: text,
      meta: z
        .looseObject({ event: z.looseObject({ provider: text }).nullish().catch(null) })
        .nullish()
        .catch(null),
    }),
  }),
)

const page = whenUsed(() =>
  z
    .looseObject({ data: z.array(line).nullish(), meta: z.looseObject({ next_token: text }).nullish() })
    .transform(({ data, meta }): FlyLogPage => ({
      lines: (data ?? []).map(({ attributes, id }) => ({
        id: String(id ?? ''),
        timestamp: attributes.timestamp ?? '',
        message: attributes.message ?? '',
        level: attributes.level ?? '',
        instance: attributes.instance ?? '',
        region: attributes.region ?? '',
        provider: attributes.meta?.event?.provider ?? '',
      })),
      nextToken: meta?.next_token || undefined,
    })),
)

export function logCalls(request: Requester) {
  return {
    /**
     * The newest lines of a machine, or those after a token, in order. An empty page means that nothing is new. All
     * failures are FlyErrors.
     */
    async getLogs(
      app: string,
      { instance, nextToken = '' }: { instance: string; nextToken?: string | undefined },
      options: CallOptions = {},
    ): Promise<FlyLogPage> {
      const { body } = await request({
        action: 'get_logs',
        method: 'GET',
        path: ['api', 'v1', 'apps', app, 'logs'],
        app,
        query: [
          ['next_token', nextToken],
          ['instance', instance],
        ],
        read: page,
        options,
      })
      return body
    },
  }
}
