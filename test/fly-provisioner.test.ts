import { createHarness } from './support/harness.ts'
import { describeProvisioner } from './provisioner-contract.ts'

describeProvisioner('Fly', async () => {
  const h = await createHarness()
  return {
    provisioner: h.services.provisioner,
    image: 'ghcr.io/molecule-ai/workspace-langgraph:latest',
    missingImage: 'docker.io/nobody/nothing:1',
    loseNextLaunch: () =>
      void h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 }),
    breakDown() {
      const fault = h.emulator.faults.add({ kind: 'answer', status: 503 })
      return () => void h.emulator.faults.remove(fault)
    },
    close: () => h.close(),
  }
})
