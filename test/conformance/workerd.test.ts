// A2A through the Worker in workerd, compared with the direct answers of the same agents.
import { startWorker } from './support/control-plane.ts'
import { describeConformance } from './suites/all.ts'

describeConformance(startWorker)
