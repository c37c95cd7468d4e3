import { createHarness } from '../support/harness.ts'
import { describeDisks } from './disk-contract.ts'

describeDisks('Fly', async () => {
  const h = await createHarness()
  return {
    provisioner: h.services.provisioner,
    loseNextDisk: () => void h.emulator.faults.add({ kind: 'lose-reply', action: 'volume.create', times: 1 }),
    breakDown() {
      const fault = h.emulator.faults.add({ kind: 'answer', status: 503 })
      return () => void h.emulator.faults.remove(fault)
    },
    close: () => h.close(),
  }
})
