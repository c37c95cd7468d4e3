// Inbound hooks with each scheme of signatures: valid deliveries reach the agent, and all invalid ones get the same refusal.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Harness, Json } from '../support/harness.ts'
import {
  BODIES,
  EVENTS,
  HOOK_SETTINGS,
  hookClient,
  HOUR,
  JSON_TYPE,
  messageIn,
  SCHEMES,
  SECRET,
  secretOf,
} from '../support/hook-senders.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(HOOK_SETTINGS)

let h: Harness
let agent: string
const { call, create, createHook, post, seconds, sign, deliver } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe.each(SCHEMES)('the scheme %s', (scheme) => {
  test(`a signed delivery of ${scheme} reaches the agent once, and the response says where its message is`, async () => {
    const hook = await createHook(scheme)
    const delivery = crypto.randomUUID()
    const { status, headers, body, sent } = await deliver(scheme, hook, delivery)
    expect([status, body]).toEqual([
      202,
      {
        queued: true,
        duplicate: false,
        id: expect.any(String) as string,
        url: headers.get('location'),
        message_id: `${hook.name}:${delivery}`,
      },
    ])
    const at = new URL(String(headers.get('location'))).pathname
    expect((await call('GET', at)).body).toMatchObject({ state: 'answered', message_id: body['message_id'] })
    const [arrival] = scriptedAgent.arrivals
    expect(arrival).toMatchObject({ workspaceId: agent, messageId: body['message_id'], text: sent })
    const { metadata, parts } = messageIn(arrival?.body ?? '')
    expect(parts[1]).toEqual({ kind: 'data', data: JSON.parse(sent) as Json })
    expect(metadata).toEqual({ hook: hook.name, delivery_id: delivery, event: EVENTS[scheme] })

    const again = await deliver(scheme, hook, delivery)
    expect(again).toMatchObject({ status: 202, body: { duplicate: true, id: body['id'] } })
    // The sender may send, but not read the response of the agent.
    expect(JSON.stringify(again.body)).not.toContain('done:')
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test(`every invalid delivery of ${scheme} gets the same refusal`, async () => {
    const hook = await createHook(scheme)
    const disabled = await createHook(scheme, { enabled: false })
    const other = await create()
    const removed = await createHook(scheme, {}, other)
    await call('DELETE', `/workspaces/${other}`)
    const body = JSON.stringify(BODIES[scheme]?.('evt'))
    const headers = sign[scheme]?.(hook.secret, body) ?? {}
    const refusals = [
      await post(hook.path, body, sign[scheme]?.(`whsec_${btoa('not the right secret')}`, body) ?? {}),
      await post(hook.path, body, JSON_TYPE),
      await post(`${hook.path}-unknown`, body, headers),
      await post(hook.path.replace(agent, crypto.randomUUID()), body, headers),
      await post(hook.path.replace(agent, 'not-a-uuid'), body, headers),
      await post(`/webhooks/workspaces/${agent}/%00`, body, headers),
      await post(disabled.path, body, sign[scheme]?.(disabled.secret, body) ?? {}),
      await post(removed.path, body, sign[scheme]?.(removed.secret, body) ?? {}),
    ]
    if (scheme !== 'bearer') refusals.push(await post(hook.path, `${body} `, headers))
    if (['standard', 'slack', 'stripe'].includes(scheme)) {
      // The clock advances meanwhile, so the timestamp in the future has a margin.
      for (const off of [-301, 330]) {
        const late = sign[scheme]?.(hook.secret, body, 'x', seconds() + off) ?? {}
        refusals.push(await post(hook.path, body, late))
      }
    }
    const answers = refusals.map(({ status, body, headers }) => {
      const { request_id: _, ...rest } = body
      return { status, rest, names: [...headers.keys()].toSorted() }
    })
    for (const one of answers) expect(one).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ status: 401, rest: { code: 'unauthenticated' } })
    // The same delivery is accepted when it is valid.
    expect((await post(hook.path, body, headers)).status).toBe(202)
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test(`the old and the new secret of a hook of ${scheme} are both valid during the overlap of a rotation`, async () => {
    const hook = await createHook(scheme)
    const given = scheme === 'slack' || scheme === 'stripe' ? { secret: 'another-secret-of-this-test' } : {}
    const rotate = (json: Json) =>
      call('POST', `/workspaces/${agent}/hooks/${hook.name}/rotate`, { ...given, ...json })
    const rotated = await rotate({ overlap_hours: 2 })
    expect(rotated.status).toBe(200)
    const renewed = { ...hook, secret: secretOf(rotated.body) ?? secretOf(given) ?? '' }
    expect(renewed.secret).not.toBe(hook.secret)
    const statuses = async () => [
      (await deliver(scheme, hook)).status,
      (await deliver(scheme, renewed)).status,
    ]
    expect(await statuses()).toEqual([202, 202])
    h.advance(2 * HOUR)
    expect(await statuses()).toEqual([401, 202])
    const again = await rotate({
      overlap_hours: 0,
      ...(given.secret === undefined ? {} : { secret: SECRET }),
    })
    expect(again.body).toMatchObject({ previous_secret_until: null })
    expect((await deliver(scheme, renewed)).status).toBe(401)
  })
})
