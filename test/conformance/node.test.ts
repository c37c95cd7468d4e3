// A2A through the Node server, over real sockets, held against what the same agents say directly.
import { openNodePlace } from './support/place.ts'
import { everything } from './suites/all.ts'

everything(openNodePlace)
