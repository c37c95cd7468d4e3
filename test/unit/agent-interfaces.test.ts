// Where an agent serves A2A, as its card says. Cards of real agents are written in many ways.
import { describe, expect, test } from 'vitest'
import {
  interfacePaths,
  type InterfacePaths,
  isReachableByHttp,
} from '../../lib/reconcile/agent-interfaces.ts'
import type { Json } from '../support/harness.ts'

const URL_OF_OURS = 'https://edge.example/workspaces/11111111-1111-4111-8111-111111111111/a2a'
const INTERNAL = 'http://10.0.0.7:8000'

describe('the paths of an agent', () => {
  const both = (path: string) => ({ v0_3: path, v1: path })
  const v1Interface = (url: string, protocolBinding = 'JSONRPC') => ({
    supportedInterfaces: [{ url, protocolBinding, protocolVersion: '1.0' }],
  })

  test.each<[string, Json | null, Pick<InterfacePaths, 'jsonRpc' | 'rest'>]>([
    ['no card', null, { jsonRpc: both('/'), rest: undefined }],
    ['a card without a URL', { name: 'a' }, { jsonRpc: both('/'), rest: undefined }],
    ['a URL without a path', { url: INTERNAL }, { jsonRpc: both('/'), rest: undefined }],
    // FastAPI answers the path without its slash with a redirect (GoogleCloudPlatform/agent-starter-pack#448).
    [
      'a URL that ends with a slash',
      { url: `${INTERNAL}/a2a/echo/` },
      { jsonRpc: both('/a2a/echo/'), rest: undefined },
    ],
    ['a URL without a scheme', { url: 'localhost:8000/x' }, { jsonRpc: both('/x'), rest: undefined }],
    ['a path only', { url: '/a2a' }, { jsonRpc: both('/a2a'), rest: undefined }],
    ['another origin', { url: 'https://public.example/p/q' }, { jsonRpc: both('/p/q'), rest: undefined }],
    ['our own URL', { url: URL_OF_OURS }, { jsonRpc: both('/'), rest: undefined }],
    ['our own URL with a slash', { url: `${URL_OF_OURS}/` }, { jsonRpc: both('/'), rest: undefined }],
    [
      'both bindings',
      {
        url: `${INTERNAL}/rpc`,
        preferredTransport: 'GRPC',
        additionalInterfaces: [{ url: `${INTERNAL}/rpc`, transport: 'JSONRPC' }],
        supportedInterfaces: [
          { url: `${INTERNAL}/grpc`, protocolBinding: 'GRPC', protocolVersion: '1.0' },
          { url: `${INTERNAL}/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0', tenant: 't' },
          { url: `${INTERNAL}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
        ],
      },
      { jsonRpc: both('/rpc'), rest: both('/rest') },
    ],
    [
      'a binding in lower case',
      v1Interface(`${INTERNAL}/rpc`, 'jsonrpc'),
      { jsonRpc: both('/rpc'), rest: undefined },
    ],
    [
      'an address for each protocol line',
      { url: `${INTERNAL}/old`, ...v1Interface(`${INTERNAL}/new`) },
      { jsonRpc: { v0_3: '/old', v1: '/new' }, rest: undefined },
    ],
    [
      'the first of several interfaces',
      { url: `${INTERNAL}/main`, additionalInterfaces: [{ url: `${INTERNAL}/other`, transport: 'JSONRPC' }] },
      { jsonRpc: both('/main'), rest: undefined },
    ],
    [
      'a REST base with a slash',
      v1Interface(`${INTERNAL}/rest/`, 'HTTP+JSON'),
      { jsonRpc: undefined, rest: both('/rest') },
    ],
    [
      'a URL of 60,000 slashes',
      { url: `http://x${'/'.repeat(60_000)}x` },
      { jsonRpc: both('/'), rest: undefined },
    ],
    [
      'invalid members',
      { url: 'not an address', supportedInterfaces: 7 },
      { jsonRpc: both('/'), rest: undefined },
    ],
    [
      'our own URL for HTTP+JSON',
      { supportedInterfaces: [{ url: URL_OF_OURS, protocolBinding: 'HTTP+JSON' }] },
      { jsonRpc: undefined, rest: both('') },
    ],
    [
      'a URL with a query and spaces around it',
      { url: ` ${INTERNAL}/rpc?key=a%20b#top ` },
      { jsonRpc: both('/rpc?key=a%20b'), rest: undefined },
    ],
    [
      'a REST base for each protocol line',
      {
        ...v1Interface(`${INTERNAL}/new/`, 'HTTP+JSON'),
        additionalInterfaces: [{ url: `${INTERNAL}/old`, transport: 'HTTP+JSON' }],
      },
      { jsonRpc: undefined, rest: { v0_3: '/old', v1: '/new' } },
    ],
    [
      'an interface of 0.3 in the list of 1.0',
      { supportedInterfaces: [{ url: `${INTERNAL}/a`, protocolBinding: 'JSONRPC', protocolVersion: 0.3 }] },
      { jsonRpc: both('/a'), rest: undefined },
    ],
    [
      'bindings with other separators',
      {
        url: `${INTERNAL}/a`,
        preferredTransport: 'http_json',
        additionalInterfaces: [{ url: `${INTERNAL}/b`, transport: 'json-rpc' }],
      },
      { jsonRpc: both('/b'), rest: both('/a') },
    ],
    [
      'a preferred transport that HTTP does not carry',
      {
        url: 'grpc://agent:50051',
        preferredTransport: 'GRPC',
        additionalInterfaces: [{ url: `${INTERNAL}/b/`, transport: 'JSONRPC' }],
      },
      { jsonRpc: both('/b/'), rest: undefined },
    ],
    [
      'gRPC alone',
      { url: 'localhost:50051', preferredTransport: 'grpc' },
      { jsonRpc: undefined, rest: undefined },
    ],
    [
      'an unknown binding alone',
      v1Interface(`${INTERNAL}/x`, 'https://example.com/binding'),
      { jsonRpc: both('/'), rest: undefined },
    ],
  ])('the paths of an agent are read from %s', (_what, card, paths) => {
    expect(interfacePaths(card)).toMatchObject(paths)
    expect(isReachableByHttp(card)).toBe(paths.jsonRpc !== undefined || paths.rest !== undefined)
  })

  test.each<[string, Json | null, boolean]>([
    ['no card', null, false],
    ['a card of 0.3', { url: INTERNAL }, false],
    ['a card of 1.0', v1Interface(INTERNAL), true],
    ['a card of both lines', { url: INTERNAL, ...v1Interface(INTERNAL) }, false],
    ['a card with HTTP+JSON only', v1Interface(INTERNAL, 'HTTP+JSON'), false],
  ])('whether JSON-RPC is offered in 1.0 only is read from %s', (_what, card, isOnlyV1) => {
    expect(interfacePaths(card).isOnlyV1).toBe(isOnlyV1)
  })
})
