// Nothing that another service answers is read without a limit. Every place that reads the body of a response is in this table with
// the limit that it names; a new place fails the test.
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const ROOT = new URL('../../', import.meta.url)

/** Ways to read a body. `c.req` is a request, whose limit is API_MAX_BODY_BYTES (functions/app.ts), and `metrics` are ours. */
const READS =
  /readBounded(?:Text)?\(|collectResponse\(|decodeBounded\(|getReader\(\)|(?<!c\.req|metrics)\.(?:text|json|arrayBuffer|blob|bytes|formData)\(\)/

/** What is read, and its limit in that file. */
const LIMITS: Record<string, readonly [what: string, limit: string]> = {
  'lib/platform/bounded-reader.ts': ['the reader itself', 'maxBytes'],
  'lib/fly/body.ts': ['answers of Fly', 'MAX_BODY_BYTES'],
  'lib/docker/request.ts': ['answers of Docker', 'MAX_BODY_BYTES'],
  'lib/a2a/request-card.ts': ['cards of agents', 'MAX_CARD_BYTES'],
  'lib/a2a/response/collect-response.ts': ['answers that are stored', 'maxBytes'],
  'lib/a2a/transport/fetch-transport.ts': ['answers that are passed on and not kept', '#whenResumed'],
  'lib/messages/deliver.ts': ['answers to stored messages', 'maxBodyBytes'],
  'lib/reconcile/probe-agent.ts': ['answers to the readiness probe', 'MAX_CARD_BYTES'],
  'lib/webhooks/send.ts': ['answers of webhook receivers', 'READ_BYTES'],
  'functions/worker/neon.ts': ['answers of the database over HTTP', 'MAX_ANSWER_BYTES'],
  'functions/worker/openapi-fetch.ts': ['answers of the own API', 'MAX_ANSWER_BYTES'],
  'functions/node/tracing/exporter.ts': ['answers of the trace collector', 'MAX_ANSWER_BYTES'],
  'functions/node/web-sockets.ts': ['refusals of the app', 'MAX_REFUSAL'],
  'functions/routes/molecule-compat/request.ts': ['answers of the own API', 'MAX_ANSWER_BYTES'],
  'functions/worker/describe-from-asset.ts': ['a file of this deployment', 'DESCRIPTION_PATH'],
  'commands/build-description.ts': ['the own API description', 'readDescription'],
  'commands/read-response.ts': ['answers in commands', 'MAX_BYTES'],
}

/** The emulator stands for Fly, and the client runs in programs of others. */
const files = globSync('{lib,functions,commands,drizzle}/**/*.ts', { cwd: ROOT }).filter(
  (file) => !file.startsWith('lib/emulator/'),
)

const sourceOf = (file: string) =>
  readFileSync(new URL(file, ROOT), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\*|\/\*|import )/.test(line))
    .join('\n')

test('every place that reads a response is in the table, with its limit', () => {
  expect(files.filter((file) => READS.test(sourceOf(file))).toSorted()).toEqual(
    Object.keys(LIMITS).toSorted(),
  )
  for (const [file, [, limit]] of Object.entries(LIMITS)) expect(sourceOf(file), file).toContain(limit)
})
