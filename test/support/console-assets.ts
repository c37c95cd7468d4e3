// What a server delivers to a browser that opens the console: the page with its policy, and every file that the page names.
import { expect } from 'vitest'

const TYPES: Record<string, RegExp> = {
  js: /^(text|application)\/javascript\b/,
  css: /^text\/css\b/,
  svg: /^image\/svg\+xml\b/,
}

/** @param url the address of the server, without a path */
export async function expectConsole(url: string): Promise<void> {
  const first = await fetch(url, { redirect: 'manual' })
  expect([first.status, first.headers.get('location')]).toEqual([302, '/console'])
  const page = await fetch(`${url}/console`)
  expect([page.status, page.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/html\b/),
  ])
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'")
  expect(policy).not.toContain('unsafe')

  const html = await page.text()
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
  expect(files.toSorted()).toEqual(['/console/console.css', '/console/console.js', '/console/icon.svg'])
  for (const path of files) {
    const file = await fetch(`${url}${path}`)
    expect([path, file.status]).toEqual([path, 200])
    expect(file.headers.get('content-type')).toMatch(TYPES[path.split('.').at(-1) ?? ''] ?? /^$/)
    expect((await file.bytes()).byteLength).toBeGreaterThan(200)
  }
  expect((await fetch(`${url}/console/none.js`)).status).toBe(404)
}
