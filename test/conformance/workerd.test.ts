// A2A through the Worker in workerd, held against what the same agents say directly.
import { openWorkerPlace } from './support/place.ts'
import { everything } from './suites/all.ts'

everything(openWorkerPlace)
