// The texts of Fly's refusals: Fly's message, no claim that Fly did not make, and commands that can be run as printed.
import { describe, expect, test } from 'vitest'
import { createFlyClient } from '../../lib/fly/client.ts'
import { createFlyProvisioner } from '../../lib/provisioner/fly/fly-provisioner.ts'
import { ProvisionError, type ProvisionProblem, type Provisioner } from '../../lib/provisioner/provisioner.ts'

const TOKEN = 'fm2_a-secret-token'
const MACHINE = { app: 'agents', machineId: '148e1234' }

async function problemOf(
  status: number,
  body: string,
  call: (provisioner: Provisioner) => Promise<unknown> = (provisioner) => provisioner.stop(MACHINE),
): Promise<ProvisionProblem> {
  const fly = createFlyClient({
    token: TOKEN,
    fetch: () => Promise.resolve(new Response(body, { status, headers: { 'fly-request-id': '01FLY-ord' } })),
    sleep: () => Promise.resolve(),
  })
  const provisioner = createFlyProvisioner({
    fly,
    apps: ['agents'],
    endpoint: 'public',
    secretsDelivery: 'fly',
  })
  try {
    await call(provisioner)
  } catch (error) {
    if (error instanceof ProvisionError) return error.problem
    throw error
  }
  throw new Error('the call did not fail')
}

const errorBody = (error: string) => JSON.stringify({ error })

describe('a refusal of Fly', () => {
  test.each([
    [403, 'Your account has been marked as high risk. Please go to fly.io/high-risk-unlock to verify it.'],
    [400, 'could not resolve image ghcr.io/acme/agent:1: HEAD https://ghcr.io/v2/acme/agent: 403 Forbidden'],
    [422, 'invalid config.guest.memory_mb, cannot exceed 8192 MiB'],
    [412, 'min_secrets_version 7 is not yet available'],
    [503, 'upstream connect error'],
  ])('a refusal with status %d is reported in the words of Fly: %s', async (status, text) => {
    const problem = await problemOf(status, errorBody(text))
    expect(problem.message).toContain(`Fly's answer (${status}): ${text}`)
    expect(problem.provider).toEqual({ status, text, request_id: '01FLY-ord' })
  })

  test('a refusal with status 403 does not claim that the app belongs to another organization', async () => {
    const { hint, message } = await problemOf(403, errorBody('marked as high risk'))
    expect(`${message} ${hint}`).not.toMatch(/another organi[sz]ation/)
  })

  test('never repeats our token, and is bounded', async () => {
    const { message } = await problemOf(400, errorBody(`bad token ${TOKEN} ${'x'.repeat(5_000)}`))
    expect(message).not.toContain(TOKEN)
    expect(message.length).toBeLessThan(500)
  })

  test('a refusal with any characters can be stored', async () => {
    const { message } = await problemOf(400, errorBody(`a\0b ${'x'.repeat(295)}😀`))
    expect(message).toContain('a\ufffdb')
    expect(message.isWellFormed()).toBe(true)
  })

  test('without a text gets none', async () => {
    expect((await problemOf(422, '')).message).toBe('Fly refused the machine.')
  })
})

describe('a command in a hint', () => {
  test.each<[number, string, ((provisioner: Provisioner) => Promise<unknown>) | undefined]>([
    [401, errorBody('unauthorized'), undefined],
    [403, errorBody('forbidden'), undefined],
    [404, errorBody('app not found'), (provisioner) => provisioner.check()],
    [409, errorBody('lease currently held by x'), undefined],
    [403, errorBody('forbidden'), (provisioner) => provisioner.listSecrets('agents', crypto.randomUUID())],
  ])('after status %d %s names the app, and the machine if it needs one', async (status, body, call) => {
    const { hint } = await problemOf(status, body, call)
    const commands = [...hint.matchAll(/`(fly [^`]+)`/g)].map(([, command]) => command ?? '')
    expect(commands.length).toBeGreaterThan(0)
    for (const command of commands) {
      expect(command).toMatch(/ -a agents$|^fly apps create agents$/)
      expect(command).not.toMatch(/[<>]/)
      if (command.includes('leases clear')) expect(command).toContain(MACHINE.machineId)
    }
  })
})
