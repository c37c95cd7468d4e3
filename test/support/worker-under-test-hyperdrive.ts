// The entry of the Worker under test over node-postgres and a Hyperdrive.
import { connectHyperdrive, onConnection } from '../../drizzle/drivers/hyperdrive.ts'
import { createWorkerUnderTest } from './create-worker-under-test.ts'

export default createWorkerUnderTest({
  connect: ({ timeoutMs }) => connectHyperdrive({ timeoutMs }),
  during: ({ HYPERDRIVE: binding }, work) =>
    onConnection((binding as { connectionString: string }).connectionString, work),
})
