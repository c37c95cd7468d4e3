// The entry of the Worker under test over Neon's driver.
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import { createWorkerUnderTest } from './create-worker-under-test.ts'

export default createWorkerUnderTest({
  connect: ({ neonEndpoint, timeoutMs, url }) => connectNeon(url, { endpoint: neonEndpoint, timeoutMs }),
})
