// The log API and `exec` of the emulated Fly, over guests that are real processes.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'
import { useProcessHost } from '../support/guest-processes.ts'

const { start } = useProcessHost()

const sh = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args]

describe('commands of a guest', () => {
  test('a command runs in the directory of its machine, with its environment and its input', async () => {
    const guest = await start('web', {
      env: { NAME: 'one' },
      files: [{ path: '/data/x', contents: new Uint8Array([65]) }],
    })
    const run = (command: string[], stdin = '') => guest.exec({ command, stdin, timeoutMs: 10_000 })
    const script =
      'cat; printf "|%s|%s|%s|%s|" "$NAME" "$SHARED" "$SERVER_SECRET" "$1"; cat data/x; [ "$PWD" = "$MACHINE_ROOT" ]'
    expect(await run(sh(script, 'a b; "$(id)"'), 'input')).toEqual({
      exitCode: 0,
      signal: 0,
      stdout: 'input|one|yes||a b; "$(id)"|A',
      stderr: '',
    })
    expect(await run(sh('echo wrong >&2; exit 3'))).toMatchObject({ exitCode: 3, stderr: 'wrong\n' })
    expect(await run(sh('kill -TERM $$'))).toMatchObject({ exitCode: 143, signal: 15 })
    await expect(run(['no-such-program'])).rejects.toThrow('no-such-program')
    guest.kill()
  })

  test('a command ends at its timeout and with its machine, and so does what it left in the background', async () => {
    const guest = await start('web')
    await expect(guest.exec({ command: ['sleep', '600'], stdin: '', timeoutMs: 50 })).rejects.toThrow(
      'in time',
    )
    const { stdout } = await guest.exec({
      command: sh('sleep 600 >/dev/null 2>&1 & echo "$! $MACHINE_ROOT"'),
      stdin: '',
      timeoutMs: 10_000,
    })
    const [pid = '', root = ''] = stdout.trim().split(' ')
    const running = guest.exec({ command: ['sleep', '600'], stdin: '', timeoutMs: 60_000 })
    const ended = expect(running).rejects.toThrow('the machine has ended')
    guest.kill()
    await ended
    await eventually(() => !existsSync(root))
    if (process.platform !== 'linux') return
    await eventually(
      () =>
        !existsSync(join('/proc', pid)) || readFileSync(join('/proc', pid, 'stat'), 'utf8').includes(') Z '),
    )
  })
})

describe('the log API', () => {
  const LOGS = '/api/v1/apps/demo/logs'
  const messages = (body: Json): string[] => body['data'].map((line: Json) => line['attributes'].message)

  test('the newest lines come without a token, and later lines with the token of the page before', async () => {
    const { call, machines, started, wait } = await startFly()
    const { id } = await started({ image: 'exits', env: { EXIT_CODE: '0' } })
    await wait(id, 'stopped')
    const first = (await call('GET', `${LOGS}?next_token=&instance=${id}`)).body
    expect(messages(first)).toEqual(['Machine started', 'Main child exited with code: 0'])
    expect(first['data'][0].attributes).toMatchObject({
      instance: id,
      level: 'info',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      meta: { instance: id, event: { provider: 'runner' } },
    })
    const token = first['meta'].next_token
    const nothing = (await call('GET', `${LOGS}?next_token=${token}`)).body
    expect(nothing).toEqual({ data: [], meta: { next_token: '' } })
    await call('POST', `${machines}/${id}/start`)
    await wait(id, 'stopped')
    await eventually(
      async () => messages((await call('GET', `${LOGS}?next_token=${token}`)).body).length === 2,
    )
    expect(messages((await call('GET', `${LOGS}?instance=another`)).body)).toEqual([])
    expect((await call('GET', `${LOGS}?next_token=x`)).status).toBe(400)
    expect((await call('GET', '/api/v1/apps/none/logs')).status).toBe(404)
  })

  test('commands are refused while a machine does not run, and without a command', async () => {
    const { call, machines, started, wait } = await startFly()
    const { id } = await started()
    const exec = (body: Json) => call('POST', `${machines}/${id}/exec`, body)
    expect((await exec({})).status).toBe(400)
    expect((await exec({ command: ['a\0b'] })).status).toBe(400)
    await call('POST', `${machines}/${id}/stop`)
    await wait(id, 'stopped')
    expect(await exec({ command: ['true'] })).toMatchObject({
      status: 412,
      body: { error: expect.stringContaining('not running') },
    })
  })
})
