// `POST /graphql`: the part of Fly's GraphQL API that flyctl needs beside the Machines API (docs/facts/fly.md §10.3).

import { z } from 'zod'
import { FlyError } from '../../shared/fly-error.ts'
import type { Call, Route } from '../route.ts'
import { QueryError, select } from './execute.ts'
import { parseQuery, SyntaxProblem } from './parse-query.ts'
import type { Value } from './parse-query.ts'
import { mutationFields, queryFields } from './root-fields.ts'

const bodySchema = z.looseObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
})

/** Errors are answered in GraphQL's `errors` with HTTP 200. */
export function addGraphqlRoute(route: Route): void {
  route('POST', '/graphql', 'graphql', async (call) => {
    try {
      return Response.json({ data: await answer(call, await call.body()) })
    } catch (error) {
      return Response.json({ errors: [describe(error)] })
    }
  })
}

async function answer(call: Call, body: unknown): Promise<Record<string, unknown>> {
  const parsed = bodySchema.safeParse(body)
  if (!parsed.success) throw new QueryError('query is required', 'BAD_REQUEST')
  const { query, variables } = parsed.data
  const { type, selections } = parseQuery(query, (variables ?? {}) as Record<string, Value>)
  return select(type === 'mutation' ? mutationFields(call) : queryFields(call), selections)
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof QueryError) return { message: error.message, extensions: { code: error.code } }
  if (error instanceof SyntaxProblem) return { message: error.message, extensions: { code: 'BAD_REQUEST' } }
  if (error instanceof FlyError) return { message: error.message, extensions: { code: 'UNPROCESSABLE' } }
  throw error
}
