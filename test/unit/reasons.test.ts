import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  NOT_ABOUT_THE_IMAGE,
  REASON_CODES,
  REASONS,
  reasonFor,
  ROLLOUT_REASON_CODES,
} from '../../lib/platform/reasons.ts'
import { flyHelp } from '../../lib/provisioner/fly/read-machine.ts'
import { FLY_REASONS } from '../../lib/provisioner/fly/reason-texts.ts'

const document = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')

const rowsOf = (heading: string) =>
  document
    .split(`## ${heading}\n`)[1]
    ?.split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | ')) ?? []

test('docs/reasons.md lists every reason code with its sentence and its next step', () => {
  expect(rowsOf('Workspaces')).toEqual(
    REASON_CODES.map((code) => {
      const { about, hint, message } = REASONS[code]
      return [`\`${code}\``, about, message, hint]
    }),
  )
  expect(rowsOf('Rollouts').map(([code]) => code)).toEqual(ROLLOUT_REASON_CODES.map((code) => `\`${code}\``))
})

test('docs/reasons.md lists the sentences of Fly', () => {
  expect(rowsOf('On Fly')).toEqual(
    Object.entries(FLY_REASONS).map(([code, { hint, message }]) => [`\`${code}\``, message, hint]),
  )
})

test('every fly command in a next step names its app, and its machine where it needs one', () => {
  const help = flyHelp({ app: 'agents', machineId: 'm1' })
  const details = { app: 'agents', machine: 'm1', image: 'i', ...help }
  const commands = REASON_CODES.flatMap((code) => {
    const { hint } = reasonFor(code, details, FLY_REASONS[code as keyof typeof FLY_REASONS])
    return hint.match(/\bfly (?:logs|machine|tokens|ips|apps)[^`,;)]*/g) ?? []
  })
  expect(commands.length).toBeGreaterThan(8)
  for (const command of commands) {
    expect(command).toMatch(/ -a agents\b|^fly apps create agents/)
    if (/fly (logs|machine (status|uncordon|leases))/.test(command)) expect(command).toContain('m1')
  }
})

test('the words of the core name no provider', () => {
  expect(JSON.stringify(REASONS)).not.toMatch(/fly|docker/i)
})

describe('a reason', () => {
  test('a reason has its placeholders filled in where the details are known', () => {
    const { log } = flyHelp({ app: 'agents', machineId: 'm1' })
    expect(reasonFor('crashed', { app: 'agents', machine: 'm1', exit: '3', log })).toEqual({
      code: 'crashed',
      message: "The agent's process ended by itself (exit 3).",
      hint: 'Read its log: GET /workspaces/{id}/logs, or fly logs -a agents --machine m1',
    })
    expect(reasonFor('crashed', { machine: 'm1' }).hint).toBe('Read its log: GET /workspaces/{id}/logs')
    expect(reasonFor('machine_gone').message).toBe('Machine <machine> no longer exists.')
  })

  test('a reason of the platform, the operator or an outside change does not blame the image of a rollout', () => {
    expect(NOT_ABOUT_THE_IMAGE).toContain('no_capacity')
    expect(NOT_ABOUT_THE_IMAGE).toContain('secrets_unreadable')
    expect(NOT_ABOUT_THE_IMAGE).not.toContain('image_unpullable')
    expect(NOT_ABOUT_THE_IMAGE).not.toContain('crashed')
  })
})
