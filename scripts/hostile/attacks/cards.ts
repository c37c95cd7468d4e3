// Attacks by agent cards: fetched from the machine, or registered by it.
import {
  type Attack,
  gzipBomb,
  type HostileAnswer,
  JSON_TYPE,
  MB,
  pour,
  type Reach,
  several,
  SPACES,
} from './attack.ts'

const onCards =
  (answer: HostileAnswer): HostileAnswer =>
  (request, response, isCard) => {
    if (isCard) answer(request, response, isCard)
    else response.end()
  }

/**
 * Registers a card and sends a message that follows it.
 * @param make the card, when its attack begins: all of them together need most of a second of processor time
 */
const registering = (make: () => Record<string, unknown>) => {
  let card: Record<string, unknown> | undefined
  return async (reach: Reach) => {
    card ??= make()
    await reach.registry('register', { url: card['url'], agent_card: card })
    await reach.message()
  }
}

const skills = (count: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({ id: `${index}`, name, description: name, tags: [name] }))

export const CARD_ATTACKS: readonly Attack[] = [
  {
    name: 'a card of 900 MB',
    answer: onCards((_, response) => {
      response.writeHead(200, JSON_TYPE)
      pour(response, SPACES, (900 * MB) / SPACES.length)
    }),
    round: (reach) => several(2, () => reach.card()),
  },
  {
    name: 'a gzip bomb as a card',
    prepare: gzipBomb,
    answer: onCards((_, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
      response.end(gzipBomb())
    }),
    round: (reach) => several(2, () => reach.card()),
  },
  {
    name: 'a card whose url has 60,000 slashes',
    round: registering(() => ({ name: 'x', url: `http://x${'/'.repeat(60_000)}x` })),
  },
  {
    name: 'a card nested 20,000 deep',
    round: (reach) =>
      reach.registry('update-card', `{"agent_card":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`),
  },
  {
    name: 'a card of 3,000 skills',
    round: registering(() => ({ name: 'x', url: 'http://x', skills: skills(3_000, 'a') })),
  },
  {
    name: 'a card of 100,000 skills',
    round: registering(() => ({ name: 'x', url: 'http://x', skills: skills(100_000, '漢') })),
  },
  {
    name: 'a card of 200,000 members',
    round: registering(() => ({
      ...Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`m${index}`, index])),
      url: 'http://x',
    })),
  },
]
