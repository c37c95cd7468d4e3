// MOLECULE_COMPAT: what the handlers of Molecule's routes share: reading a request, calling this API's own routes, and
// saying that something is not offered.
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import { DomainError, invalidField, workspaceNotFound } from '../../../lib/platform/errors.ts'
import { BodyTooLarge, readBoundedText } from '../../../lib/platform/bounded-reader.ts'
import { normalizeUuid } from '../../../lib/platform/uuid.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { toInvalidInput } from '../../http/problem.ts'
import { requireShallow } from '../../http/require-shallow.ts'

/** Handles a request, or changes it and what later handlers answered. */
export type Translation = (c: Context<AppEnv>, next: () => Promise<void>) => Promise<Response | void>

export type LimitBody = MiddlewareHandler<AppEnv>

/** Sends a request to this app, from the same address. */
export type SendInner = (request: Request, c: Context<AppEnv>) => Response | Promise<Response>

/** The workspace of the path, which exists. @throws DomainError `not_found` */
export async function idParam({ db }: Pick<Services, 'db'>, c: Context<AppEnv>): Promise<string> {
  const id = normalizeUuid(c.req.param('id'))
  if (id === undefined) throw workspaceNotFound()
  await getLivingWorkspace(db, id)
  return id
}

/** @throws DomainError `invalid_input` */
export async function jsonOf(c: Context<AppEnv>): Promise<unknown> {
  let body: unknown
  try {
    body = await c.req.json()
  } catch {
    throw invalidField('body', 'must be JSON')
  }
  requireShallow(body)
  return body
}

/** @throws DomainError `invalid_input` naming the field */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw toInvalidInput(parsed.error)
  return parsed.data
}

/** Calls a route of this API with the caller's own credential, so that its rules, limits and audit apply. */
export async function ask(
  send: SendInner,
  c: Context<AppEnv>,
  {
    body,
    method = 'GET',
    path,
    type = 'application/json',
  }: {
    path: string
    method?: string
    body?: BodyInit
    type?: string
  },
): Promise<Response> {
  const headers = new Headers(body === undefined ? {} : { 'content-type': type })
  for (const name of ['authorization', 'host', 'origin', 'x-forwarded-for', 'cf-connecting-ip']) {
    const value = c.req.header(name)
    if (value !== undefined) headers.set(name, value)
  }
  return send(
    new Request(new URL(path, c.req.url), { method, headers, ...(body === undefined ? {} : { body }) }),
    c,
  )
}

/** The longest answer of this API's own routes that is read, in bytes: a page of 1,000 workspaces is shorter. */
const MAX_ANSWER_BYTES = 32_000_000

/** @throws DomainError `too_large` */
export async function textFrom(answer: Response, maxBytes = MAX_ANSWER_BYTES): Promise<string> {
  try {
    return await readBoundedText(answer, maxBytes)
  } catch (error) {
    if (error instanceof BodyTooLarge) throw new DomainError('too_large', error.message)
    throw error
  }
}

export const jsonFrom = async <Body>(answer: Response): Promise<Body> =>
  JSON.parse(await textFrom(answer)) as Body

export type Json = Record<string, unknown>

/** Changes the objects of the response, which later handlers made: its rows, or its only object. */
export async function rewriteAnswer(
  c: Context<AppEnv>,
  change: (rows: Json[]) => Json[] | Promise<Json[]>,
): Promise<void> {
  const body = await jsonFrom<Json | Json[]>(c.res)
  const changed = await change([body].flat())
  c.res = new Response(JSON.stringify(Array.isArray(body) ? changed : changed[0]), c.res)
}

/** A handler for what this control plane does not have. */
export const notOffered =
  (what: string): ((c: Context<AppEnv>) => never) =>
  () => {
    throw new DomainError('not_implemented', what)
  }
