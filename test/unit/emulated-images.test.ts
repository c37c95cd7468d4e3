// EMULATOR_IMAGES and its file: what they mean, and a sentence for every mistake.
import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../lib/config/config.ts'
import { parseEmulatedImages } from '../../lib/config/emulated-images.ts'

const imagesOf = (text: string) => parseConfig({ EMULATOR_IMAGES: text }).emulator.images

function problemOf(env: Record<string, string>): string {
  try {
    parseConfig(env)
    return 'none'
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n')
    throw error
  }
}

describe('the variable', () => {
  test('pairs are commands by runtime or image, split at spaces', () => {
    expect(imagesOf('hermes=python agent.py, registry.fly.io/my-app=node  --env=a agent.ts')).toEqual({
      commands: {
        hermes: ['python', 'agent.py'],
        'registry.fly.io/my-app': ['node', '--env=a', 'agent.ts'],
      },
    })
  })

  test('a path that ends in .json is a file', () => {
    expect(imagesOf('../agents.json')).toEqual({ file: '../agents.json' })
  })

  test.each([
    ['node agent.ts', 'EMULATOR_IMAGES must be runtime=command pairs'],
    ['hermes=', 'EMULATOR_IMAGES names no command for hermes'],
    ['hermes=node a.ts,hermes=node b.ts', 'EMULATOR_IMAGES names hermes twice'],
    ['hermes=node agent.ts,', 'where pair 2 is neither'],
    ['herms=node agent.ts', 'EMULATOR_IMAGES names "herms", but names are runtimes (langgraph, '],
    ['hermes=sh -c "node agent.ts"', 'EMULATOR_IMAGES runs commands without a shell'],
    ['hermes=node agent.ts > log', 'runs commands without a shell'],
  ])('EMULATOR_IMAGES=%s is refused', (text, sentence) => {
    expect(problemOf({ EMULATOR_IMAGES: text })).toContain(sentence)
  })

  test.each([
    { CONTAINER_BACKEND: 'flyio', FLY_API_TOKEN: 'token', FLY_WORKSPACE_APP: 'app' },
    { CONTAINER_BACKEND: 'docker' },
  ])('EMULATOR_IMAGES beside $CONTAINER_BACKEND is refused, because that runs images only', (backend) => {
    const problem = problemOf({ ...backend, EMULATOR_IMAGES: 'hermes=node agent.ts' })
    expect(problem).toMatch(/^EMULATOR_IMAGES is set, but .* RUNTIME_IMAGES$/)
  })
})

describe('the file', () => {
  test('an entry has a command, and may have a directory and variables', () => {
    const text =
      '{"hermes": {"command": ["sh", "-c", "a, b"]}, "codex": {"command": ["x"], "directory": "d", "env": {"A": "1"}}}'
    expect(parseEmulatedImages(text)).toEqual({
      hermes: { command: ['sh', '-c', 'a, b'], env: {} },
      codex: { command: ['x'], directory: 'd', env: { A: '1' } },
    })
  })

  test.each([
    ['{', 'is no JSON: '],
    ['[]', 'must be an object such as'],
    ['{"hermes": "python agent.py"}', '; hermes '],
    ['{"hermes": {"command": []}}', '; hermes.command '],
    ['{"hermes": {"command": ["x"], "cwd": "."}}', '; hermes.cwd is not known here'],
    ['{"hermes": {"command": ["x"], "env": {"A": 1}}}', '; hermes.env.A '],
    ['{"herms": {"command": ["x"]}}', 'names "herms"'],
  ])('a file with %s is refused', (text, sentence) => {
    const problems = parseEmulatedImages(text)
    expect(Array.isArray(problems) ? problems.join('\n') : problems).toContain(sentence)
  })
})
