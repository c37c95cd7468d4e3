// All suites. They hold for every runtime of the control plane.
import { describe } from 'vitest'
import { useFixture } from '../support/fixture.ts'
import type { StartControlPlane } from '../support/control-plane.ts'
import { cards } from './cards.ts'
import { clients } from './clients.ts'
import { routes } from './routes.ts'
import { jsonRpcErrors } from './json-rpc-errors.ts'
import { jsonRpcMethods } from './json-rpc-methods.ts'
import { random } from './random-messages.ts'
import { rest } from './rest.ts'
import { streams } from './streams.ts'

export function describeConformance(startControlPlane: StartControlPlane): void {
  const fixture = useFixture(startControlPlane)
  describe('JSON-RPC methods', () => jsonRpcMethods(fixture))
  describe('JSON-RPC errors', () => jsonRpcErrors(fixture))
  describe('streams', () => streams(fixture))
  describe('HTTP+JSON', () => rest(fixture))
  describe('agent cards', () => cards(fixture))
  describe('official clients', () => clients(fixture))
  describe('random requests and answers', () => random(fixture))
  describe('A2A routes', () => routes(fixture))
}
