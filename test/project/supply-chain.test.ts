// The check of the supply chain finds secrets in a file, and finds none in this repository.
import { expect, test } from 'vitest'
import { findKeys } from '../../scripts/dev/secret-scan.ts'
import { spawnNode } from '../support/server.ts'

// Built at run time, so that this file does not contain them.
const secret = (prefix: string, length: number) => prefix + 'Ab3'.repeat(length).slice(0, length)

test.each([
  ['a Fly token', secret('FlyV1 fm2_', 60)],
  ['a Fly token', secret('fo1_', 43)],
  ['a GitHub token', secret('ghp_', 36)],
  ['a GitHub token', secret('github_pat_', 60)],
  ['an AWS access key', `AKIA${'ABCD1234'.repeat(2)}`],
  ['a private key', ['-----BEGIN', 'OPENSSH', 'PRIVATE KEY-----'].join(' ')],
  ['an API key of a model provider', secret('sk-ant-', 40)],
  ['a Slack token', secret('xoxb-', 30)],
  ['a token of this server', secret('mol_', 43)],
  ['a database with its password', `postgresql://me:${secret('', 16)}@ep-x.eu-central-1.aws.neon.tech/db`],
])('%s is found in a file', (kind, text) => {
  expect(findKeys(`first\nKEY="${text}"\n`)).toEqual([{ kind, line: 2 }])
})

test('no key is committed, and every package is pinned', async () => {
  const { exited, printed } = spawnNode('scripts/dev/check-supply-chain.ts', {})
  expect({ ...(await exited), errors: printed.stderr }).toMatchObject({ code: 0, errors: '' })
})
