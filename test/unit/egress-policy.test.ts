// The URLs that webhooks may call: checked as written, as resolved, and again when the connection is made.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LookupAddress } from 'node:dns'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCheckedFetch, type Resolve } from '../../functions/node/checked-fetch.ts'
import { parseConfig } from '../../lib/config/config.ts'
import {
  restrictFetchToTargets,
  rejectAddress,
  rejectTarget,
  targetPolicy,
  type TargetPolicy,
} from '../../lib/egress/egress-policy.ts'
import { isPublicAddress } from '../../lib/platform/ip-address.ts'

const FLY = { CONTAINER_BACKEND: 'flyio', FLY_API_TOKEN: 'token', FLY_WORKSPACE_APP: 'app' }
const policyOf = (env: Record<string, string>) => targetPolicy(parseConfig(env))
const strict = policyOf(FLY)
const refused = (url: string, policy: TargetPolicy = strict) => rejectTarget(policy, new URL(url))

describe('a server on the network', () => {
  test.each([
    'https://hooks.example.com/x?y=1',
    'https://hooks.example.com:8443/',
    'https://93.184.216.34/',
    'https://[2606:2800:220:1:248:1893:25c8:1946]/',
    'https://my-receiver.fly.dev/',
  ])('a server on the network may call %s', (url) => expect(refused(url)).toBeUndefined())

  test.each([
    // Without TLS, or another scheme.
    'http://hooks.example.com/',
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'https://user:password@hooks.example.com/',
    // Loopback, in every notation.
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0.0.0.0/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://app.localhost/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::127.0.0.1]/',
    // Networks that are private, of carriers, or for documentation.
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://198.18.0.1/',
    'https://192.0.2.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[fc00::1]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://[2001:db8::1]/',
    // IPv4 in IPv6.
    'https://[::ffff:10.0.0.1]/',
    'https://[64:ff9b::10.0.0.1]/',
    'https://[64:ff9b:1::10.0.0.1]/',
    'https://[2002:0a00:0001::]/',
    'https://[2001:0:0:0:0:0:f5ff:fffe]/',
    // Metadata services of clouds.
    'https://169.254.169.254/latest/meta-data',
    'https://168.63.129.16/',
    'https://100.100.100.200/',
    'https://192.0.0.192/',
    'https://[fd00:ec2::254]/',
    'https://metadata.google.internal/',
    // Fly's 6PN.
    'https://[fdaa:0:1:a7b:1:2:3:2]/',
    'https://app.internal/',
    'https://_api.internal:4280/v1/apps',
    'https://app.flycast/',
    'https://APP.FLYCAST./',
    // Names of local networks.
    'https://router/',
    'https://nas.local/',
    'https://hub.home.arpa/',
  ])('a server on the network may not call %s', (url) => expect(refused(url)).toEqual(expect.any(String)))

  test('a server may call what WEBHOOK_PRIVATE_TARGETS names and nothing else private', () => {
    const policy = policyOf({ ...FLY, WEBHOOK_PRIVATE_TARGETS: 'Hooks.internal, 10.1.0.0/16, fdaa:0:1::/48' })
    for (const url of [
      'https://hooks.internal/',
      'http://hooks.internal:8080/',
      'http://10.1.2.3/',
      'https://[fdaa:0:1::3]/',
    ])
      expect(refused(url, policy)).toBeUndefined()
    for (const url of [
      'https://other.internal/',
      'https://10.2.0.1/',
      'https://127.0.0.1/',
      'http://93.184.216.34/',
      'https://[fdaa:0:2::3]/',
    ])
      expect(refused(url, policy)).toEqual(expect.any(String))
    expect(rejectAddress(policy, 'hooks.example.com', '10.1.2.3')).toBeUndefined()
    expect(rejectAddress(policy, 'hooks.internal', 'fdaa::9')).toBeUndefined()
    expect(rejectAddress(policy, 'hooks.example.com', '10.2.0.1')).toMatch(/WEBHOOK_PRIVATE_TARGETS/)
  })

  test.each(['10.0.0.0/33', 'a b', 'https://hooks.internal', '::1/129'])(
    'WEBHOOK_PRIVATE_TARGETS=%s is refused',
    (value) => {
      expect(() => parseConfig({ WEBHOOK_PRIVATE_TARGETS: value })).toThrow(/WEBHOOK_PRIVATE_TARGETS/)
    },
  )
})

describe('a server for this computer alone', () => {
  const open = policyOf({})

  test('a loopback server may call this computer without TLS', () => {
    for (const url of ['http://127.0.0.1:9000/', 'http://localhost:9000/', 'http://[::1]:9000/'])
      expect(refused(url, open)).toBeUndefined()
    expect(rejectAddress(open, 'localhost', '127.0.0.1')).toBeUndefined()
  })

  test('a loopback server may not call its network or other names for loopback', () => {
    for (const url of ['http://192.168.1.1/', 'http://hooks.example.com/', 'https://169.254.169.254/'])
      expect(refused(url, open)).toEqual(expect.any(String))
    expect(rejectAddress(open, 'rebinding.example.com', '127.0.0.1')).toEqual(expect.any(String))
  })

  test('a server on another address is not a loopback server', () => {
    expect(refused('http://127.0.0.1/', policyOf({ HOST: '0.0.0.0' }))).toEqual(expect.any(String))
    expect(refused('http://127.0.0.1/', policyOf({ ...FLY, HOST: '127.0.0.1' }))).toEqual(expect.any(String))
  })
})

test('no private IPv4 address is public in any IPv6 notation', () => {
  const octet = fc.integer({ min: 0, max: 255 })
  const network = fc.constantFrom([10], [127], [192, 168], [169, 254], [172, 20], [100, 100], [0])
  fc.assert(
    fc.property(network, octet, octet, octet, (first, ...rest) => {
      const address = [...first, ...rest].slice(0, 4).join('.')
      for (const prefix of ['', '::ffff:', '::', '64:ff9b::', '::ffff:0:'])
        expect(isPublicAddress(`${prefix}${address}`)).toBe(false)
    }),
  )
})

describe('a host name', () => {
  let server: Server
  let port: number
  let asked = 0
  beforeAll(async () => {
    server = createServer((_, response) => {
      asked++
      response.end('here')
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => void server.close())

  /** Resolves to these addresses, one answer after the other. */
  const resolvingTo = (...answers: LookupAddress[][]): Resolve => {
    let n = 0
    return (_, __, callback) => callback(null, answers[Math.min(n++, answers.length - 1)] ?? [])
  }
  const v4 = (address: string): LookupAddress => ({ address, family: 4 })
  const v6 = (address: string): LookupAddress => ({ address, family: 6 })
  const call = async (policy: TargetPolicy, url: string, resolve: Resolve) => {
    const checked = createCheckedFetch((host, address) => rejectAddress(policy, host, address), resolve)
    try {
      const response = await restrictFetchToTargets(policy, checked.fetch)(url)
      return await response.text()
    } catch (error) {
      const { cause, message } = error as Error
      return cause instanceof Error ? cause.message : message
    } finally {
      await checked.close()
    }
  }
  /** Allows the loopback server of these tests. */
  const named: TargetPolicy = { loopback: false, privateTargets: ['hooks.example.com'] }

  test.each([
    [[v4('10.0.0.1')]],
    [[v4('127.0.0.1')]],
    [[v4('169.254.169.254')]],
    [[v6('fdaa::3')]],
    [[v6('::ffff:127.0.0.1')]],
    [[v4('93.184.216.34'), v4('192.168.0.1')]],
  ])('a name that resolves to a private address is not called: %j', async (addresses) => {
    const before = asked
    expect(await call(strict, `https://hooks.example.com:${port}/`, resolvingTo(addresses))).toMatch(
      /which is not a public address/,
    )
    expect(asked).toBe(before)
  })

  test('a name is resolved once and the connection goes to the checked address', async () => {
    const resolve = resolvingTo([v4('127.0.0.1')], [v4('10.255.255.1')])
    expect(await call(named, `http://hooks.example.com:${port}/`, resolve)).toBe('here')
    // In the opposite order the second answer is not requested.
    const turned = resolvingTo([v4('10.255.255.1')], [v4('127.0.0.1')])
    const before = asked
    expect(await call(strict, `https://hooks.example.com:${port}/`, turned)).toMatch(
      /leads to 10\.255\.255\.1/,
    )
    expect(asked).toBe(before)
  })

  test("an unknown name is reported in the resolver's words", async () => {
    const resolve: Resolve = (host, _, callback) => callback(new Error(`getaddrinfo ENOTFOUND ${host}`), [])
    expect(await call(strict, 'https://hooks.example.com/', resolve)).toMatch(/ENOTFOUND/)
  })
})
