// A small real A2A agent, built on the official SDK, that boots the way Molecule's runtime boots. It is the guest behind
// the tutorial and the tests: what works against it has met the true boot order, both A2A dialects and real streams.
import type { Program } from '../guests/host.ts'
import { createDoor } from './http-handler.ts'
import { beat, register, registerLater } from './platform-client.ts'
import { readSettings, type Work } from './settings.ts'
import { aborted } from '../shared/abort.ts'

/**
 * Boots, registers, serves, beats, until the machine is asked to stop (exit code 0) or a message says `exit N`.
 * Exit code 1 without `config.yaml` or `WORKSPACE_ID`, as the real runtime crash-loops (molecule.md §1.1).
 *
 * The first registration is tried before anything listens, because all runtimes do it in that order (molecule.md
 * §1.3). If it fails in a way worth repeating, the other tries go on behind a listening agent: a platform that is down
 * at boot must not keep its agents from answering.
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
  await machine.listen(settings.port, createDoor(machine, settings, work, running, exit))
  machine.log(`${settings.name} (${settings.runtime}) listens on port ${settings.port}`)
  const background = [beat(machine, settings, work, running)]
  if (tryAgain) background.push(registerLater(machine, settings, running))

  const exitCode = await Promise.race([quit, aborted(machine.stopping).then(() => 0)])
  over.abort()
  await Promise.all(background)
  return exitCode
}

export default sampleAgent
