// Parsing of incoming webhooks: bodies of every kind, templates, and the event names of a delivery.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DomainError } from '../../lib/platform/errors.ts'
import { deliveryOf, isWanted } from '../../lib/hooks/delivery.ts'
import { toMessageText } from '../../lib/hooks/hook-message.ts'
import { parsePayload } from '../../lib/hooks/payload.ts'
import { fillTemplate, MAX_OUTPUT, templateProblem } from '../../lib/hooks/template.ts'
import { SCHEMES } from '../../lib/hooks/verify.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const FORM = 'application/x-www-form-urlencoded; charset=utf-8'
const payloadOf = (value: unknown) => parsePayload(bytes(JSON.stringify(value)), 'application/json')
const fill = (template: string, value: unknown) =>
  fillTemplate(template, { payload: payloadOf(value), event: 'push', delivery: 'd-1' })

describe('a payload', () => {
  test('a payload keeps its JSON, numbers included', () => {
    const text = '{"id": 9007199254740993, "price": 1.0, "of": [{"deep": -0}]}'
    const payload = parsePayload(bytes(text), 'application/cloudevents+json')
    expect(payload.text).toBe(text)
    const message = toMessageText({
      hook: 'a',
      template: '',
      messageId: 'a:1',
      delivery: '1',
      event: undefined,
      payload,
    })
    expect(message).toContain(`"data":${text}`)
    expect(fillTemplate('{{id}} {{price}}', { payload, event: undefined, delivery: '' })).toBe(
      '9007199254740993 1.0',
    )
  })

  test.each([
    ['a form', FORM, 'a=1&b=x+y&a=2', { a: '1', b: 'x y' }],
    ['JSON in a form', FORM, 'payload=%7B%22a%22%3A1%7D&other=x', { a: 1 }],
    ['a form whose payload is not JSON', FORM, 'payload=hello&other=x', 'hello'],
    ['JSON with the content type of a form', FORM, ' {"a":1}', { a: 1 }],
    ['JSON without a content type', undefined, '[1]', [1]],
    ['text', 'text/plain', 'hello', 'hello'],
    ['nothing', undefined, '', ''],
    ['a form with a name that is __proto__', FORM, '__proto__=x', JSON.parse('{"__proto__":"x"}')],
  ])('a payload may be %s', (_, type, body, value) => {
    expect(parsePayload(bytes(body), type).value).toEqual(value)
  })

  test('any payload becomes one message or is refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(bytes), fc.json().map(bytes)),
        fc.constantFrom(undefined, FORM, 'application/json', 'text/xml', 'x'),
        fc.constantFrom('', '{{a}} {{$payload}}'),
        (body, type, template) => {
          let payload
          try {
            payload = parsePayload(body, type)
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError)
            return
          }
          const message = { hook: 'a', template, messageId: 'a:1', delivery: '1', event: undefined, payload }
          const request: unknown = JSON.parse(toMessageText(message))
          const text: unknown = expect.any(String)
          const parts = template === '' && typeof payload.value !== 'string' ? [{ kind: 'data' }] : []
          expect(request).toMatchObject({
            params: { message: { parts: [{ kind: 'text', text }, ...parts] } },
          })
        },
      ),
    )
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
  ])('the template %s is filled', (template, value, filled) => {
    expect(templateProblem(template)).toBeUndefined()
    expect(fill(template, value)).toBe(filled)
  })

  test.each(['{{}}', '{{ }}', '{{a b}}', '{{a..b}}', '{{.a}}', '{{a', '{{{a}}}', '{{a{{b}}}}', '{{$x}}'])(
    'the template %s is refused with a reason',
    (template) => expect(templateProblem(template)).toMatch(/\{\{/),
  )

  test("a template's text is bounded and takes bounded time", () => {
    const large = 'x'.repeat(1_000_000)
    const filled = fill('{{a}}{{$payload}}'.repeat(400), { a: large })
    expect(filled).toHaveLength(MAX_OUTPUT + 1)
    expect(filled.endsWith('…')).toBe(true)
    expect(fill(`{{a}}`, { a: `${'x'.repeat(MAX_OUTPUT - 1)}😀` }).isWellFormed()).toBe(true)
  })

  test('a template inserts values unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, value) => {
        fc.pre(!/[{}]/.test(text))
        expect(fill(text, {})).toBe(text)
        expect(fill(`${text}{{v}}${text}`, { v: value })).toBe(text + value + text)
      }),
    )
  })
})

describe('a delivery', () => {
  const header = (headers: Record<string, string>) => (name: string) => headers[name]

  test('a Slack delivery is an event, a command or a button', () => {
    const of = (value: unknown) => deliveryOf('slack', header({}), value)
    expect(of({ type: 'event_callback', event_id: 'Ev1', event: { type: 'message' } })).toEqual({
      id: 'Ev1',
      events: ['message'],
    })
    expect(of({ command: '/ask', trigger_id: '1.2' })).toEqual({ id: '1.2', events: ['/ask'] })
    expect(of({ type: 'block_actions', trigger_id: '3.4' })).toEqual({ id: '3.4', events: ['block_actions'] })
  })

  test('a GitHub delivery includes its action', () => {
    const headers = header({ 'x-github-event': 'issues', 'x-github-delivery': 'g' })
    expect(deliveryOf('github', headers, { action: 'opened' })).toEqual({
      id: 'g',
      events: ['issues.opened', 'issues'],
    })
    expect(deliveryOf('github', headers, 'text')).toEqual({ id: 'g', events: ['issues'] })
  })

  test('any delivery has a usable event name or none', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SCHEMES), fc.anything(), (scheme, value) => {
        const { events, id } = deliveryOf(scheme, header({}), value)
        expect([id, ...events].every((one) => one === undefined || typeof one === 'string')).toBe(true)
      }),
    )
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
