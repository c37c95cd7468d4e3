// The messages of MCP: JSON-RPC 2.0.

export type Id = string | number

/** A request has a method and an id, a notification only a method, and a response only an id. */
export type Message = { method?: string; id?: Id; params: Record<string, unknown> }

/** @returns undefined for a value that is no message */
export function readMessage(value: unknown): Message | undefined {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return undefined
  const { id, method, params = {} } = value
  const hasId = typeof id === 'string' || Number.isInteger(id)
  if (id !== undefined && !hasId) return undefined
  const message = { params: isObject(params) ? params : {}, ...(hasId ? { id: id as Id } : {}) }
  if (typeof method === 'string') return isObject(params) ? { ...message, method } : undefined
  return method === undefined && ('result' in value || 'error' in value) ? message : undefined
}

/** A failure of a request. Of a tool it is a result, so that the model reads it. */
export class RpcError extends Error {
  readonly code: number

  /** @param code of JSON-RPC */
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const INVALID_REQUEST = -32_600
export const METHOD_NOT_FOUND = -32_601
export const INVALID_PARAMS = -32_602
export const PARSE_ERROR = -32_700

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
