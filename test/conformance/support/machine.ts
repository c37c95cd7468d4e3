// A machine program that forwards port 8000 to the socket of an agent.
import { forwardToPort } from '../../../lib/emulator/node/forward.ts'
import type { Program } from '../../../lib/emulator/guests/host.ts'

export const machineOf =
  ({ port }: { port: number }): Program =>
  async (machine) => {
    await machine.listen(8000, (request) => forwardToPort(port, request))
    await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve))
    return 0
  }
