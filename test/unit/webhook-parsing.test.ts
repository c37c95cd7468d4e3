// Parsing of incoming webhooks: bodies of every kind, templates, and the event names of a delivery.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DomainError } from '../../lib/platform/errors.ts'
import { DELIVERY_PATHS, deliveryOf, isWanted } from '../../lib/hooks/delivery.ts'
import { toMessageBody } from '../../lib/hooks/hook-message.ts'
import { formFields } from '../../lib/hooks/form.ts'
import { readPayload } from '../../lib/hooks/payload.ts'
import { readJson, TooDeep } from '../../lib/hooks/read-json.ts'
import { fillTemplate, MAX_OUTPUT, pathsOf, templateProblem } from '../../lib/hooks/template.ts'
import { SCHEMES } from '../../lib/hooks/verify.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const FORM = 'application/x-www-form-urlencoded; charset=utf-8'
const payloadOf = (value: unknown, paths: readonly string[]) =>
  readPayload(bytes(JSON.stringify(value) ?? ''), 'text/plain', paths)
const fill = async (template: string, value: unknown) =>
  fillTemplate(template, {
    payload: await payloadOf(value, pathsOf(template)),
    event: 'push',
    delivery: 'd-1',
  })
/** The message that is sent, as text. */
const textOf = async (...of: Parameters<typeof toMessageBody>) => textOrNone(await toMessageBody(...of))
const textOrNone = (body?: Uint8Array) => body && new TextDecoder().decode(body)
const facts = { hook: 'a', messageId: 'a:1', delivery: '1', event: undefined }

describe('a payload', () => {
  test('a payload keeps its JSON, numbers included', async () => {
    const text = '{"id": 9007199254740993, "price": 1.0, "of": [{"deep": -0}]}'
    const payload = await readPayload(bytes(text), 'application/cloudevents+json', ['id', 'price'])
    expect(payload.text).toBe(text)
    const message = await textOf({ ...facts, template: '', payload }, 10_000)
    expect(message).toContain(`"data":${text}`)
    expect(fillTemplate('{{id}} {{price}}', { payload, event: undefined, delivery: '' })).toBe(
      '9007199254740993 1.0',
    )
  })

  test.each([
    ['a form', FORM, 'a=1&b=x+y%20%zz&a=2', { a: '1', b: 'x y %zz' }],
    ['JSON in a form', FORM, 'payload=%7B%22a%22%3A1%7D&other=x', { a: 1 }],
    ['a form whose payload is not JSON', FORM, 'payload=hello&other=x', 'hello'],
    ['JSON with the content type of a form', FORM, ' {"a":1}', { a: 1 }],
    ['JSON without a content type', undefined, '[1]', [1]],
    ['text', 'text/plain', 'hello', 'hello'],
    ['nothing', undefined, '', ''],
    ['a form with a name that is __proto__', FORM, '__proto__=x', JSON.parse('{"__proto__":"x"}')],
  ])('a payload may be %s', async (_, type, body, value) => {
    const { isJson, text } = await readPayload(bytes(body), type, [])
    expect(isJson ? JSON.parse(text) : text).toEqual(value)
  })

  test('a form is decoded like URLSearchParams does it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', '&', '=', '+', '%', '4', 'C', '3') }),
        async (form) => {
          const fields = [...new URLSearchParams(form)].toReversed()
          expect(await formFields(bytes(form))).toEqual(Object.fromEntries(fields))
        },
      ),
    )
  })

  test('any payload becomes one message or is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(bytes), fc.json().map(bytes)),
        fc.constantFrom(undefined, FORM, 'application/json', 'text/xml', 'x'),
        fc.constantFrom('', '{{a}} {{$payload}}'),
        async (body, type, template) => {
          let payload
          try {
            payload = await readPayload(body, type, ['a'])
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError)
            return
          }
          const message = await textOf({ ...facts, template, payload }, 100_000)
          const text: unknown = expect.any(String)
          const hasData = template === '' && payload.isJson && !payload.text.trimStart().startsWith('"')
          expect(JSON.parse(message ?? '')).toMatchObject({
            params: { message: { parts: [{ kind: 'text', text }, ...(hasData ? [{ kind: 'data' }] : [])] } },
          })
        },
      ),
    )
  })

  test('a payload that is too large for a message loses its copy as text, and then its data', async () => {
    const payload = await payloadOf({ list: Array.from({ length: 20_000 }, (_, at) => at) }, [])
    const size = payload.text.length
    const messageOf = async (maxBytes: number) => {
      const text = await textOf({ ...facts, template: '', payload }, maxBytes)
      return text === undefined
        ? undefined
        : (
            JSON.parse(text) as {
              params: { message: { parts: { kind: string; text?: string }[]; metadata: object } }
            }
          ).params.message
    }
    expect((await messageOf(10 * size))?.metadata).toEqual({ hook: 'a', delivery_id: '1' })
    const metadata = { hook: 'a', delivery_id: '1', truncated: true, payload_bytes: size }
    const withData = await messageOf(1.5 * size)
    expect(withData).toMatchObject({ metadata, parts: [{ kind: 'text' }, { kind: 'data' }] })
    expect(withData?.parts[0]?.text).toHaveLength(MAX_OUTPUT + 1)
    expect(await messageOf(0.9 * size)).toMatchObject({ metadata, parts: [{ kind: 'text' }] })
    expect((await messageOf(0.9 * size))?.parts).toHaveLength(1)
    expect(await messageOf(1_000)).toBeUndefined()
  })
})

describe('values of a JSON text', () => {
  /** What `JSON.parse` finds at a path. */
  function valueAt(root: unknown, path: string): unknown {
    let value = root
    for (const key of path === '' ? [] : path.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
      value = (value as Record<string, unknown>)[key]
    }
    return value
  }

  test('the values and the validity of any text are those of JSON.parse', async () => {
    const paths = ['', 'a', 'b', 'a.a', 'a.b.a', '0', '1.a', 'a.0', 'a.length', 'length']
    const key = fc.constantFrom('a', 'b', 'length', '0', '"', 'ü')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.json({ maxDepth: 0 }).map((text): unknown => JSON.parse(text)),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value')),
      ),
    }))
    const text = fc.oneof(
      fc.tuple(value, fc.constantFrom(0, 2)).map(([one, space]) => JSON.stringify(one, null, space)),
      fc.string({ unit: fc.constantFrom(...Array.from('{}[],:"\\au0 1-.e\n')) }),
    )
    await fc.assert(
      fc.asyncProperty(text, async (json) => {
        let parsed: { root: unknown } | undefined
        try {
          parsed = { root: JSON.parse(json) }
        } catch {}
        if (parsed === undefined) {
          await expect(readJson(json, paths)).rejects.toBeInstanceOf(SyntaxError)
          return
        }
        const sources = await readJson(json, paths)
        for (const path of paths) {
          const source = sources.get(path)
          expect([path, source === undefined ? undefined : JSON.parse(source)]).toEqual([
            path,
            valueAt(parsed.root, path),
          ])
        }
      }),
      { numRuns: 500 },
    )
  })

  test('the last one of repeated members counts', async () => {
    const sources = await readJson('{"a":{"b":1},"a":{"c":2}}', ['a.b', 'a.c'])
    expect([...sources]).toEqual([['a.c', '2']])
  })

  test('a text of several slices is read like a short one', async () => {
    const long = 'x\\"'.repeat(500_000)
    const sources = await readJson(`{"a":"${long}","n":[${'1,'.repeat(300_000)}2],"b":true}`, [
      'a',
      'b',
      'n.length',
    ])
    expect([...sources]).toEqual([
      ['a', `"${long}"`],
      ['n.length', '300001'],
      ['b', 'true'],
    ])
  })

  test('deep nesting is refused', async () => {
    await expect(readJson('['.repeat(101) + ']'.repeat(101), [])).rejects.toBeInstanceOf(TooDeep)
    await expect(readJson('['.repeat(100) + ']'.repeat(100), [])).resolves.toBeDefined()
  })

  test('a number has at most 10,000 characters', async () => {
    await expect(readJson('1'.repeat(10_000), [])).resolves.toBeDefined()
    await expect(readJson('1'.repeat(10_001), [])).rejects.toThrow('longer than 10000 characters')
  })
})

describe('a template', () => {
  test.each([
    ['{{a.b}}-{{ a.b }}', { a: { b: 'x' } }, 'x-x'],
    ['{{list.1}}{{list.7}}{{list.length}}', { list: ['a', 'b'] }, 'b2'],
    ['{{n}} {{t}} {{o}} {{z}}', { n: 1.5, t: true, o: { k: [1] }, z: null }, '1.5 true {"k":[1]} '],
    ['{{toString}}{{constructor.name}}{{a.__proto__.x}}', { a: {} }, ''],
    ['{{$event}} {{$delivery}} {{$payload}}', [1], 'push d-1 [1]'],
    ['{"a": {"b": {{a}}}}', { a: 1 }, '{"a": {"b": 1}}'],
    ['{ } } no placeholder {', {}, '{ } } no placeholder {'],
    ['{{a}}', { a: '{{b}} $& \\', b: 'never' }, '{{b}} $& \\'],
    ['{{pull_request/x-y.ü}}', { 'pull_request/x-y': { ü: 'odd' } }, 'odd'],
  ])('the template %s is filled', async (template, value, filled) => {
    expect(templateProblem(template)).toBeUndefined()
    expect(await fill(template, value)).toBe(filled)
  })

  test.each(['{{}}', '{{ }}', '{{a b}}', '{{a..b}}', '{{.a}}', '{{a', '{{{a}}}', '{{a{{b}}}}', '{{$x}}'])(
    'the template %s is refused with a reason',
    (template) => expect(templateProblem(template)).toMatch(/\{\{/),
  )

  test("a template's text is bounded and takes bounded time", async () => {
    const large = 'x'.repeat(1_000_000)
    const filled = await fill('{{a}}{{$payload}}'.repeat(400), { a: large })
    expect(filled).toHaveLength(MAX_OUTPUT + 1)
    expect(filled.endsWith('…')).toBe(true)
    const cut = await fill(`{{a}}`, { a: `${'x'.repeat(MAX_OUTPUT - 1)}😀` })
    expect(cut.isWellFormed()).toBe(true)
    const escapes = '"\\\n\u0001😀'.repeat(MAX_OUTPUT)
    expect(await fill('{{a}}', { a: escapes })).toBe(escapes.slice(0, MAX_OUTPUT))
  })

  test('a template inserts values unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'grapheme' }),
        async (text, value) => {
          fc.pre(!/[{}]/.test(text))
          expect(await fill(text, {})).toBe(text)
          expect(await fill(`${text}{{v}}${text}`, { v: value })).toBe(text + value + text)
        },
      ),
    )
  })
})

describe('a delivery', () => {
  const header = (headers: Record<string, string>) => (name: string) => headers[name]

  const read = (value: unknown) => payloadOf(value, DELIVERY_PATHS)

  test('a Slack delivery is an event, a command or a button', async () => {
    const of = async (value: unknown) => deliveryOf('slack', header({}), await read(value))
    expect(await of({ type: 'event_callback', event_id: 'Ev1', event: { type: 'message' } })).toEqual({
      id: 'Ev1',
      events: ['message'],
    })
    expect(await of({ command: '/ask', trigger_id: '1.2' })).toEqual({ id: '1.2', events: ['/ask'] })
    expect(await of({ type: 'block_actions', trigger_id: '3.4' })).toEqual({
      id: '3.4',
      events: ['block_actions'],
    })
  })

  test('a GitHub delivery includes its action', async () => {
    const headers = header({ 'x-github-event': 'issues', 'x-github-delivery': 'g' })
    expect(deliveryOf('github', headers, await read({ action: 'opened' }))).toEqual({
      id: 'g',
      events: ['issues.opened', 'issues'],
    })
    expect(deliveryOf('github', headers, await read('text'))).toEqual({ id: 'g', events: ['issues'] })
  })

  test('any delivery has a usable event name or none', async () => {
    const object = fc.dictionary(fc.constantFrom(...DELIVERY_PATHS), fc.jsonValue())
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SCHEMES),
        fc.oneof(fc.jsonValue(), object),
        async (scheme, value) => {
          const { events, id } = deliveryOf(scheme, header({}), await read(value))
          expect([id, ...events].every((one) => one === undefined || typeof one === 'string')).toBe(true)
        },
      ),
    )
  })

  test("GitLab's own name of an event is used where there is no other", async () => {
    const headers = header({ 'webhook-id': 'w', 'idempotency-key': 'i' })
    const push = await read({ object_kind: 'push', event_name: 'push' })
    expect(deliveryOf('standard', headers, push)).toEqual({ id: 'w', events: ['push'] })
    expect(deliveryOf('bearer', headers, push)).toEqual({ id: 'i', events: ['push'] })
  })

  test.each<[string[] | null, string[], boolean]>([
    [null, [], true],
    [['a'], [], false],
    [['issues'], ['issues.opened', 'issues'], true],
    [['issues.closed'], ['issues.opened', 'issues'], false],
    [['invoice.*'], ['invoice.paid'], true],
    [['invoice.*'], ['invoices'], false],
    [['*'], ['anything'], false],
  ])('a hook for %j takes a delivery of %j: %s', (wanted, events, isIt) => {
    expect(isWanted(wanted, events)).toBe(isIt)
  })
})
