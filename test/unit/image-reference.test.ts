// An image that a caller names must be in an allowed registry, whatever a registry or Fly makes of dots, slashes and case.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isImageWithin, parseImage, repositoryOf, tagOf } from '../../lib/machines/image-reference.ts'

const ALLOWED = ['ghcr.io/molecule-ai', 'registry.fly.io', 'docker.io/acme']

describe('an image reference', () => {
  test.each([
    ['ghcr.io/a/b:1', { registry: 'ghcr.io', repository: 'a/b', tag: '1', digest: undefined }],
    ['nginx', { registry: 'docker.io', repository: 'library/nginx', tag: undefined, digest: undefined }],
    [
      'acme/agent:2@sha256:abc',
      { registry: 'docker.io', repository: 'acme/agent', tag: '2', digest: 'sha256:abc' },
    ],
    ['localhost:5000/a', { registry: 'localhost:5000', repository: 'a', tag: undefined, digest: undefined }],
    ['GHCR.io/a/b', { registry: 'ghcr.io', repository: 'a/b', tag: undefined, digest: undefined }],
  ])('%s has these parts', (text, parts) => {
    expect(parseImage(text)).toEqual(parts)
  })

  test.each([
    '',
    'ghcr.io/',
    'ghcr.io//x',
    'ghcr.io/molecule-ai/../evil/x',
    'ghcr.io/molecule-ai/./x',
    'ghcr.io/molecule-ai/%2e%2e/evil/x',
    'ghcr.io/molecule-ai\\evil/x',
    'ghcr.io/molecule-ai/x y',
    'ghcr.io/molecule-ai/x\n',
    'ghcr.io/Molecule-AI/x',
    'ghcr.io/molecule-ai/x:',
    'ghcr.io/molecule-ai/x@',
    'ghcr.io/molecule-ai/x@sha256:a@sha256:b',
    'ghcr.io/molecule-ai/x:tag/evil',
    'https://ghcr.io/molecule-ai/x',
    'user@ghcr.io/molecule-ai/x',
    'ghcr.io/molecule-ai/x?y',
    'ghcr.io/molecule-ai/x#y',
  ])('%j is none, and allowed nowhere', (text) => {
    expect(parseImage(text)).toBeUndefined()
    expect(isImageWithin(text, ALLOWED)).toBe(false)
  })

  test.each([
    ['ghcr.io/molecule-ai/workspace-hermes:latest', true],
    ['ghcr.io/molecule-ai/deep/er@sha256:abc', true],
    ['registry.fly.io/app:deployment-01ABC', true],
    ['acme/agent', true],
    ['ghcr.io/molecule-ai', false],
    ['ghcr.io/molecule-ai-evil/x', false],
    ['evil.io/ghcr.io/molecule-ai/x', false],
    ['registry.fly.io.evil.io/x', false],
    ['registry.fly.io:8443/x', false],
    ['acme-evil/agent', false],
    ['nginx', false],
  ])('%s is allowed: %s', (text, allowed) => {
    expect(isImageWithin(text, ALLOWED)).toBe(allowed)
  })

  test('an allowed one stays within its namespace when it is read as a URL', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      'x',
      'evil',
      '/',
      '%2e',
      '%2f',
      '\\',
      '@',
      ':',
      '-',
      'A',
      '?',
      '#',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const image = `ghcr.io/molecule-ai/${parts.join('')}`
        if (!isImageWithin(image, ALLOWED)) return
        const { pathname } = new URL(`https://${repositoryOf(image)}`)
        expect(pathname).toBe(`/${repositoryOf(image).slice('ghcr.io/'.length)}`)
        expect(decodeURIComponent(pathname).startsWith('/molecule-ai/')).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('an image reference is parsed in linear time', () => {
    const begun = performance.now()
    for (const text of [
      'a'.repeat(200_000),
      'a-'.repeat(100_000),
      '_'.repeat(200_000),
      'a_'.repeat(100_000),
      '@'.repeat(200_000),
    ])
      for (const image of [text, `ghcr.io/${text}`, `ghcr.io/x:${text}`, `ghcr.io/x@${text}`])
        parseImage(image)
    // Quadratic work would take minutes.
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  test.each([
    ['ghcr.io/a/b:1@sha256:x', 'ghcr.io/a/b', '1'],
    ['localhost:5000/a', 'localhost:5000/a', 'latest'],
    ['a@sha256:x', 'a', 'latest'],
  ])('%s is in the repository %s with the tag %s', (image, repository, tag) => {
    expect([repositoryOf(image), tagOf(image)]).toEqual([repository, tag])
  })
})
