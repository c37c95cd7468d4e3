// A small real A2A agent, built on the official SDK, which boots as Molecule's runtimes do. It is the guest of the
// tutorial and of the tests. Code that works against it has handled the real boot order, both A2A versions and real
// streams.

import type { Program } from '../guests/host.ts'
import { createHttpHandler } from './http-handler.ts'
import { register, registerLater, sendHeartbeats } from './platform-client.ts'
import { readSettings, type Work } from './settings.ts'
import { aborted } from '../shared/abort.ts'

/**
 * Boots, registers, serves and sends heartbeats until the machine stops (exit code 0) or a message says `exit N`.
 * Exits with code 1 without `config.yaml` or `WORKSPACE_ID`, as the real runtime does (docs/facts/molecule.md §1.1).
 *
 * The first registration comes before the agent listens, because all runtimes do it in that order
 * (docs/facts/molecule.md §1.3). If it may succeed later, it is repeated while the agent listens: a platform that is
 * down at boot must not keep its agents from answering.
 */
export const sampleAgent: Program = async (machine) => {
  const settings = readSettings(machine)
  if (typeof settings === 'string') {
    machine.log(settings)
    return 1
  }
  const work: Work = { requests: 0, errors: 0, sampleError: '', active: 0, current: '' }
  const over = new AbortController()
  const running = AbortSignal.any([machine.stopping, over.signal])
  const { promise: quit, resolve: exit } = Promise.withResolvers<number>()

  const tryAgain = await register(machine, settings, running)
  await machine.listen(settings.port, createHttpHandler(machine, settings, work, running, exit))
  machine.log(`${settings.name} (${settings.runtime}) listens on port ${settings.port}`)
  const background = [sendHeartbeats(machine, settings, work, running)]
  if (tryAgain) background.push(registerLater(machine, settings, running))

  const exitCode = await Promise.race([quit, aborted(machine.stopping).then(() => 0)])
  over.abort()
  await Promise.all(background)
  return exitCode
}

export default sampleAgent
