// The list of what holds in every place where the control plane runs.
import { describe } from 'vitest'
import { setStage } from '../support/fixture.ts'
import type { OpenPlace } from '../support/place.ts'
import { cards } from './cards.ts'
import { clients } from './clients.ts'
import { doors } from './routes.ts'
import { jsonRpcErrors } from './json-rpc-errors.ts'
import { jsonRpcMethods } from './json-rpc-methods.ts'
import { random } from './random.ts'
import { rest } from './rest.ts'
import { streams } from './streams.ts'

export function everything(openPlace: OpenPlace): void {
  const stage = setStage(openPlace)
  describe('JSON-RPC methods', () => jsonRpcMethods(stage))
  describe('JSON-RPC errors', () => jsonRpcErrors(stage))
  describe('streams', () => streams(stage))
  describe('HTTP+JSON', () => rest(stage))
  describe('agent cards', () => cards(stage))
  describe('official clients', () => clients(stage))
  describe('random requests and answers', () => random(stage))
  describe('A2A routes', () => doors(stage))
}
