// `…/apps/{app}/secrets` (docs/facts/fly.md §2.8). Values are returned only with `show_secrets`.

import { z } from 'zod'
import { changeSecrets, secretsOf, secretsVersionOf } from '../../apps/app-secrets.ts'
import type { Call, Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { isTrue } from './machines.ts'
import type { SecretRecord } from '../../store/records.ts'

const SECRETS = '/v1/apps/:app/secrets'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

export function addSecretRoutes(route: Route): void {
  route('GET', SECRETS, 'secrets.list', (call) => {
    assertVersion(call)
    const secrets = Object.entries(secretsOf(call.app())).map(([name, secret]) => shown(call, name, secret))
    return Response.json({ secrets })
  })

  route('POST', SECRETS, 'secrets.update', async (call) => {
    const parsed = z
      .looseObject({ values: z.record(z.string(), z.string().nullable()) })
      .safeParse(await call.body())
    if (!parsed.success)
      throw new FlyError(400, 'invalid_argument: values must be an object of strings or nulls')
    const { values } = parsed.data
    const version = await change(call, values)
    const secrets = Object.entries(secretsOf(call.app())).map(([name, secret]) => rendered(name, secret))
    return Response.json({ secrets, version, Version: version })
  })

  route('GET', `${SECRETS}/:secret`, 'secret.get', (call) => {
    assertVersion(call)
    const name = call.param('secret')
    return Response.json(shown(call, name, find(call, name)))
  })

  route('POST', `${SECRETS}/:secret`, 'secret.set', async (call) => {
    const parsed = z.looseObject({ value: z.string() }).safeParse(await call.body())
    if (!parsed.success) throw new FlyError(400, 'invalid_argument: value is required')
    const name = call.param('secret')
    const version = await change(call, { [name]: parsed.data.value })
    return Response.json({ ...rendered(name, find(call, name)), version, Version: version }, { status: 201 })
  })

  route('DELETE', `${SECRETS}/:secret`, 'secret.delete', async (call) => {
    const name = call.param('secret')
    find(call, name)
    const version = await change(call, { [name]: null })
    return Response.json({ version, Version: version })
  })
}

async function change(call: Call, values: Record<string, string | null>): Promise<number> {
  const wrong = Object.keys(values).find((name) => !NAME.test(name))
  if (wrong !== undefined) throw new FlyError(400, `invalid_argument: secret name "${wrong}" is not valid`)
  const app = call.app()
  const version = await changeSecrets(app, values, call.cloud.runtime.now())
  call.cloud.runtime.journal.app(app)
  return version
}

function find(call: Call, name: string): SecretRecord {
  const secret = secretsOf(call.app())[name]
  if (secret === undefined) throw new FlyError(404, 'not_found: secret not found')
  return secret
}

function assertVersion(call: Call): void {
  const wanted = Number(call.query.get('min_version') ?? call.query.get('version') ?? 0)
  if (wanted > secretsVersionOf(call.app())) {
    throw new FlyError(412, 'failed_precondition: secrets have not reached this version')
  }
}

const rendered = (name: string, { createdAt, digest, updatedAt }: SecretRecord) => ({
  name,
  digest,
  created_at: new Date(createdAt).toISOString(),
  updated_at: new Date(updatedAt).toISOString(),
})

const shown = (call: Call, name: string, secret: SecretRecord) => ({
  ...rendered(name, secret),
  ...(isTrue(call.query.get('show_secrets')) ? { value: secret.value } : {}),
})
