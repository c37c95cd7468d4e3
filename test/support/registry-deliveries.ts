// Deliveries of GitHub and Gitea about published images. They have the fields and nesting of the documented ones
// (test/fixtures/webhooks; for GitHub octokit/webhooks, payload-examples/api.github.com/registry_package; for Gitea go-gitea/gitea,
// modules/structs/package.go and services/convert/package.go).
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Harness, type Json } from './harness.ts'

export const SECRET = 'the-secret-of-the-registry-webhook'
const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/webhooks/${name}.json`, import.meta.url), 'utf8')) as Json

export const GITHUB = fixture('github-registry-package')
export const GITEA = fixture('gitea-package')

export const digest = (digit: string) => `sha256:${digit.repeat(64)}`
export const REPOSITORY = 'ghcr.io/molecule-ai/workspace-hermes'
export const CRASHING = 'c'

export type Delivery = {
  event?: string
  id?: string
  secret?: string
  headers?: Record<string, string>
  text?: string
}

export const hmac = (text: string, secret: string) => createHmac('sha256', secret).update(text).digest('hex')

export function github(h: Harness, payload: unknown, delivery: Delivery = {}) {
  const { event = 'registry_package', headers, id = crypto.randomUUID(), secret = SECRET } = delivery
  const body = delivery.text ?? JSON.stringify(payload)
  return h.request('/webhooks/github', {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/0000000',
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${hmac(body, secret)}`,
      ...headers,
    },
  })
}

export function gitea(h: Harness, payload: unknown, { event = 'package', headers }: Delivery = {}) {
  const body = JSON.stringify(payload)
  return h.request('/webhooks/gitea', {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-gitea-event': event,
      'x-gitea-delivery': crypto.randomUUID(),
      'x-gitea-signature': hmac(body, SECRET),
      ...headers,
    },
  })
}

/** The delivery of GitHub about another digest or tag. */
export const githubAbout = (digit: string, tag = 'latest') =>
  JSON.parse(
    JSON.stringify(GITHUB)
      .replaceAll(digest('1'), digest(digit))
      .replaceAll('"latest"', JSON.stringify(tag))
      .replaceAll('hermes:latest', `hermes:${tag}`),
  ) as Json

export type Rollout = Json & { id: string; state: string; image: string; workspaces: { state: string }[] }

export type Listed = {
  rollouts: Rollout[]
  runtimes: (Json & { runtime: string; published: { image: string } | null })[]
  webhooks: Json[]
}

export const listed = async (h: Harness) => (await h.request<Listed>('/rollouts')).body
export const runtimeOf = async (h: Harness, name: string) =>
  (await listed(h)).runtimes.find(({ runtime }) => runtime === name)

export async function untilEnded(h: Harness): Promise<Rollout> {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    // Work that a request left running may follow a workspace for long; it ends when the clock moves below.
    await Promise.race([h.untilIdle(), delay(2_000)])
    const [newest] = (await listed(h)).rollouts
    if (newest !== undefined && !['running', 'rolling_back'].includes(newest.state)) return newest
    h.advance(20_000)
    await h.sweep({ patienceMs: 500 })
  }
  throw new Error(`no end of ${JSON.stringify((await listed(h)).rollouts)}`)
}
