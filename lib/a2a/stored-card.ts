// The card that a workspace's agent registered, as far as its callers can use what it says. An agent that runs elsewhere
// fetches its messages, so the proxy takes JSON-RPC of both protocol lines for it, without streams, whatever its card says.
import { isExternal } from '../machines/runtimes.ts'
import { isObject, type JsonObject } from '../platform/json-object.ts'

/** @returns null until the agent has registered */
export const storedCardOf = (row: { agentCard: JsonObject | null; runtime: string }): JsonObject | null =>
  row.agentCard !== null && isExternal(row) ? fetchingAgentCard(row.agentCard) : row.agentCard

const MODES = ['text/plain']

// The addresses are empty: the proxy writes its own (wire/agent-card.ts).
function fetchingAgentCard(card: JsonObject): JsonObject {
  const { additionalInterfaces: _others, capabilities, ...rest } = card
  const jsonRpc = { url: '', protocolBinding: 'JSONRPC' }
  return {
    skills: [],
    defaultInputModes: MODES,
    defaultOutputModes: MODES,
    ...rest,
    capabilities: {
      ...(isObject(capabilities) ? capabilities : {}),
      streaming: false,
      pushNotifications: false,
    },
    url: '',
    protocolVersion: '0.3.0',
    preferredTransport: 'JSONRPC',
    supportedInterfaces: [
      { ...jsonRpc, protocolVersion: '1.0' },
      { ...jsonRpc, protocolVersion: '0.3' },
    ],
  }
}
