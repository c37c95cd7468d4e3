// Every attack, in the order in which they run.
import { ANSWER_ATTACKS } from './answers.ts'
import type { Attack } from './attack.ts'
import { CARD_ATTACKS } from './cards.ts'
import { REQUEST_ATTACKS } from './requests.ts'

export const ATTACKS: readonly Attack[] = [...CARD_ATTACKS, ...ANSWER_ATTACKS, ...REQUEST_ATTACKS]
