// The headers of requests and responses in the API description: which operation reads and sends which.
import { IDEMPOTENCY_HOURS } from '../../lib/workspaces/create.ts'
import type { Header, Operation, Parameter, Response } from './api-document.ts'

export const HEADERS = {
  RequestId: {
    description: 'The id of the request. The log of the server has the same.',
    schema: { type: 'string' },
  },
  RetryAfter: { description: 'Seconds after which a repetition makes sense.', schema: { type: 'integer' } },
  RateLimit: {
    description: 'What is left of the limit: `"api";r=<requests>;t=<seconds>`. Absent without a limit.',
    schema: { type: 'string' },
  },
  Link: {
    description: 'The address of the next page, with `rel="next"`. Absent on the last page.',
    schema: { type: 'string' },
  },
  TotalCount: {
    description: 'How many entries match in all pages. Only where `total=true` asks for it.',
    schema: { type: 'integer' },
  },
  Location: { description: 'Where the new resource is.', schema: { type: 'string' } },
  PreferenceApplied: {
    description: 'The preference that was honoured. Absent where none was sent.',
    schema: { type: 'string' },
  },
  IdempotencyReplayed: {
    description: '`true` where the first answer to the same Idempotency-Key is repeated.',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, Header>

export const headerRef = (name: keyof typeof HEADERS): Header => ({ $ref: `#/components/headers/${name}` })

export const HEADER_PARAMETERS = {
  PreferWait: {
    name: 'Prefer',
    in: 'header',
    required: false,
    description:
      '`wait=N` (RFC 7240): answer when the workspace has settled, after N seconds at the latest (60 at most).',
    schema: { type: 'string', examples: ['wait=30'] },
  },
  PreferAsync: {
    name: 'Prefer',
    in: 'header',
    required: false,
    description:
      '`respond-async`: store the message, answer 202 at once and deliver it once. `wait=N`: wait at most N seconds for a workspace that is asleep or starting.',
    schema: { type: 'string', examples: ['respond-async'] },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: `1 to 255 printable characters. A repeated request with the same key and body returns the first answer for ${IDEMPOTENCY_HOURS} hours.`,
    schema: { type: 'string', maxLength: 255 },
  },
} as const satisfies Record<string, Parameter>

type OperationHeaders = {
  request?: readonly (keyof typeof HEADER_PARAMETERS)[]
  /** Headers of successful responses, by name. */
  response?: Readonly<Record<string, keyof typeof HEADERS>>
}

const waits: OperationHeaders = {
  request: ['PreferWait'],
  response: { 'Preference-Applied': 'PreferenceApplied' },
}
const createsAt: OperationHeaders = { response: { Location: 'Location' } }

const OPERATION_HEADERS: Readonly<Record<string, OperationHeaders>> = {
  listWorkspaces: { response: { Link: 'Link', 'X-Total-Count': 'TotalCount' } },
  createWorkspace: {
    request: ['IdempotencyKey', 'PreferWait'],
    response: {
      Location: 'Location',
      'Preference-Applied': 'PreferenceApplied',
      'Idempotency-Replayed': 'IdempotencyReplayed',
    },
  },
  getWorkspace: waits,
  removeWorkspace: waits,
  restartWorkspace: waits,
  pauseWorkspace: waits,
  resumeWorkspace: waits,
  hibernateWorkspace: waits,
  getMessage: waits,
  takeSnapshot: waits,
  restoreWorkspace: waits,
  execCommand: waits,
  createHook: createsAt,
  startRollout: createsAt,
  sendToAgent: { request: ['PreferAsync'] },
}

/** Adds the parameters and response headers of an operation, and those that every operation has. */
export function addHeaders(operation: Operation, isLimited: boolean): void {
  const { request = [], response = {} } = OPERATION_HEADERS[operation.operationId] ?? {}
  operation.parameters = [
    ...(operation.parameters ?? []),
    ...request.map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ]
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (!('$ref' in answer)) addResponseHeaders(answer, status.startsWith('2') ? response : {}, isLimited)
  }
}

function addResponseHeaders(
  answer: Exclude<Response, { $ref: string }>,
  own: NonNullable<OperationHeaders['response']>,
  isLimited: boolean,
): void {
  answer.headers = {
    ...answer.headers,
    ...Object.fromEntries(Object.entries(own).map(([name, header]) => [name, headerRef(header)])),
    'X-Request-Id': headerRef('RequestId'),
    ...(isLimited ? { RateLimit: headerRef('RateLimit') } : {}),
  }
}
