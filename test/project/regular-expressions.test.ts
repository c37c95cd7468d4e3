// Every regular expression is linear: agents, senders, callers and registries choose what most of them read.
// Each one runs on hostile strings, made of texts that it matches with one piece repeated. What takes long on a short
// string is repeated on one of 100,000 characters: a linear expression takes milliseconds there, a quadratic one many
// seconds, so the limit between them does not depend on the machine.
import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = new URL('../../', import.meta.url)

/**
 * An attack is made longer while it takes more than `normalMs` of CPU time. It is slow when it takes more than
 * `slowMs` at any length. The first one is short, because a cubic expression takes hours for a long one.
 */
const STEPS = [
  { length: 2_000, normalMs: 0.5, slowMs: 200 },
  { length: 10_000, normalMs: 15, slowMs: 1_000 },
  { length: 100_000, normalMs: 1_000, slowMs: 1_000 },
]

function collect(node: unknown, found: (pattern: string, flags: string) => void): void {
  if (Array.isArray(node)) for (const item of node) collect(item, found)
  if (typeof node !== 'object' || node === null) return
  const { regex } = node as { regex?: { pattern: string; flags: string } }
  if (regex !== undefined) found(regex.pattern, regex.flags)
  else for (const child of Object.values(node)) collect(child, found)
}

/** The regular expression literals of all sources, with a file of each. */
function allLiterals(): Map<string, { regex: RegExp; file: string }> {
  const literals = new Map<string, { regex: RegExp; file: string }>()
  for (const file of globSync('{lib,functions,commands,client,drizzle}/**/*.ts', { cwd: ROOT })) {
    const source = stripTypeScriptTypes(readFileSync(new URL(file, ROOT), 'utf8'))
    collect(parseAst(source).body, (pattern, flags) => {
      // Global, so that the search begins at every position.
      const regex = new RegExp(pattern, `${flags.replace(/[gy]/g, '')}g`)
      literals.set(`/${pattern}/${flags}`, { regex, file })
    })
  }
  return literals
}

/** Texts that a regular expression matches, or nearly. */
function samplesOf(regex: RegExp): string[] {
  const written = regex.source.replaceAll(/\\[sdwbSDWB]|[\\^$()?:!<=|*+[\]{}]/g, '')
  try {
    const matching = fc.stringMatching(new RegExp(regex.source, regex.flags.replace(/[gi]/g, '')), {
      size: '-1',
    })
    return [written, ...fc.sample(matching, { numRuns: 4, seed: 1 })].map((sample) => sample.slice(0, 16))
  } catch {
    // What fast-check cannot generate, such as a look-behind.
    return [written.slice(0, 16)]
  }
}

type Attack = { before: string; piece: string; after: string }

/** Each piece of each sample, to be repeated, with an end that prevents a match. */
function attacksOn(regex: RegExp): Attack[] {
  const attacks = new Map<string, Attack>()
  const add = (attack: Attack) => attacks.set(JSON.stringify(attack), attack)
  for (const sample of samplesOf(regex)) {
    for (let from = 0; from < sample.length; from++) {
      for (const size of [1, 2, 4]) {
        const piece = sample.slice(from, from + size)
        add({ before: sample.slice(0, from), piece, after: `${sample.slice(from + size)}\n\0` })
        add({ before: '', piece, after: '\n\0' })
      }
      for (const piece of [' ', '\t', '\n', 'a', '0'])
        add({ before: sample.slice(0, from + 1), piece, after: '\n\0' })
    }
  }
  return [...attacks.values()]
}

function cpuMs(regex: RegExp, { after, before, piece }: Attack, length: number): number {
  const text = before + piece.repeat(length / piece.length) + after
  const started = process.threadCpuUsage()
  text.replaceAll(regex, '')
  const { system, user } = process.threadCpuUsage(started)
  return (system + user) / 1_000
}

function isSlow(regex: RegExp, attack: Attack): boolean {
  for (const { length, normalMs, slowMs } of STEPS) {
    const ms = cpuMs(regex, attack, length)
    if (ms > slowMs) return true
    if (ms <= normalMs) return false
  }
  return false
}

const slowAttack = (regex: RegExp) => attacksOn(regex).find((attack) => isSlow(regex, attack))

test.each(['/\\/+$/', '/^\\s*([^=\\s]+)\\s*=\\s*(.*?)\\s*$/'])(
  'the attacks find %s, which is not linear',
  (literal) => expect(slowAttack(new RegExp(literal.slice(1, -1), 'g'))).toBeDefined(),
  120_000,
)

test.each([...allLiterals()].map(([literal, { file, regex }]) => [literal, file, regex] as const))(
  'the regular expression %s in %s is linear',
  (_literal, _file, regex) => expect(slowAttack(regex)).toBeUndefined(),
  120_000,
)
