import { describe } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness } from '../support/harness.ts'
import { type ContractSubject, describeProvisioner } from '../support/provisioner-contract.ts'

const open = async (): Promise<ContractSubject> => {
  const environments = new Map<string, Record<string, string>>()
  const recordingAgent: Program = (machine) => {
    environments.set(machine.env['WORKSPACE_ID'] ?? '', machine.env)
    return sampleAgent(machine)
  }
  const h = await createHarness({ programs: { 'ghcr.io/molecule-ai/workspace-langgraph*': recordingAgent } })
  return {
    provisioner: h.services.provisioner,
    image: 'ghcr.io/molecule-ai/workspace-langgraph:latest',
    missingImage: 'docker.io/example/missing:1',
    loseNextLaunch: () =>
      void h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 }),
    breakDown() {
      const fault = h.emulator.faults.add({ kind: 'answer', status: 503 })
      return () => void h.emulator.faults.remove(fault)
    },
    environmentOf: (workspaceId) => Promise.resolve(environments.get(workspaceId) ?? {}),
    listing: async () => JSON.stringify(await h.fly('GET', '')),
    close: () => h.close(),
  }
}

describe('Fly', () => describeProvisioner(open))
