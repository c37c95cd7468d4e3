// An A2A client of the official SDK, bound to the agent of one workspace. A module of its own, because it needs the
// package `@a2a-js/sdk`.
import {
  type Client as A2aClient,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client'
import type { Client } from './client.ts'
import { answeredLater, problemOf } from './problem.ts'

/**
 * Reads the agent's card through the proxy, and connects as the card says: JSON-RPC or HTTP+JSON, version 1.0 or 0.3.
 * @param id of the workspace
 * @throws ApiProblem when the server has no card; errors of the SDK for a card that it cannot use. The client throws an ApiProblem
 *   with the status 202 when the answer of an agent that runs elsewhere comes later
 */
export async function connectToAgent(client: Client, id: string): Promise<A2aClient> {
  const { fetch: fetchImpl, url } = client.agent(id)
  const legacyCompat = { enabled: true }
  const factory = new ClientFactory({
    transports: [
      new JsonRpcTransportFactory({ fetchImpl: orLater(fetchImpl), legacyCompat }),
      new RestTransportFactory({ fetchImpl, legacyCompat }),
    ],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl: orProblem(fetchImpl), legacyCompat }),
  })
  return factory.createFromUrl(url)
}

/** The SDK would name only the status of a card that it does not get. */
const orProblem =
  (fetchImpl: typeof fetch): typeof fetch =>
  async (input, init) => {
    const response = await fetchImpl(input, init)
    if (!response.ok) throw await problemOf(response)
    return response
  }

/** An agent that runs elsewhere may answer later than the server waits for it. The SDK knows no such response. */
const orLater =
  (fetchImpl: typeof fetch): typeof fetch =>
  async (input, init) => {
    const response = await fetchImpl(input, init)
    if (response.status === 202) throw await answeredLater(response)
    return response
  }
