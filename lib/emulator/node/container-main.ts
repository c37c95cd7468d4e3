// The entry of a container that runs the sample agent. test/support/sample-image.ts makes an image of it, for the Docker
// backend.
import { sampleAgent } from '../sample-agent/sample-agent.ts'
import { runInContainer } from './container-guest.ts'

runInContainer(sampleAgent)
