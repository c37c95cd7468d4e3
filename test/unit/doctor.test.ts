// Parsing in `npm run doctor`: addresses and image references.
import { expect, test } from 'vitest'
import { isPrivateAddress } from '../../commands/doctor/check-public-url.ts'
import { manifestOf } from '../../commands/doctor/image-manifest.ts'

test('addresses of private networks are recognised in both families', () => {
  for (const inside of ['127.0.0.1', '192.168.1.1', '172.31.0.1', '100.100.1.1', '::1', 'fd00::1', 'fe80::1'])
    expect(isPrivateAddress(inside)).toBe(true)
  for (const outside of ['8.8.8.8', '172.32.0.1', '2a09:8280:1::1'])
    expect(isPrivateAddress(outside)).toBe(false)
})

test('image references are parsed as Docker parses them', () => {
  expect(manifestOf('ghcr.io/molecule-ai/workspace-hermes:latest')).toEqual({
    origin: 'https://ghcr.io',
    repository: 'molecule-ai/workspace-hermes',
    reference: 'latest',
  })
  expect(manifestOf('nginx')).toEqual({
    origin: 'https://registry-1.docker.io',
    repository: 'library/nginx',
    reference: 'latest',
  })
  expect(manifestOf('me/agent:2@sha256:abc')).toEqual({
    origin: 'https://registry-1.docker.io',
    repository: 'me/agent',
    reference: 'sha256:abc',
  })
  expect(manifestOf('localhost:5000/a:b')?.origin).toBe('http://localhost:5000')
})
