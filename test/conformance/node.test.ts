// A2A through the Node server, over real sockets, compared with the direct answers of the same agents.
import { startNode } from './support/control-plane.ts'
import { describeConformance } from './suites/all.ts'

describeConformance(startNode)
