// What each sender of webhooks needs as an answer, for every outcome. A sender has rules of its own: one status for all that it
// may do, such as Slack's 200 for a command, also where a delivery is ignored or refused. Pure.
import { isForm } from './form.ts'
import type { IncomingWebhook, Scheme } from './verify.ts'

/** A kind of request with rules of its own. Slack has three; each other scheme has one. */
export type Sender = Exclude<Scheme, 'slack'> | 'slack event' | 'slack command' | 'slack interaction'

export type Outcome =
  /** Became a message. */
  | 'stored'
  /** Became a message before. */
  | 'repeated'
  /** An event that the hook does not accept. */
  | 'ignored'
  /** GitHub's ping. */
  | 'pong'
  /** Slack's url_verification. */
  | 'challenge'
  /** Signed, and not taken: too large, too many, the workspace is paused. */
  | 'refused'

/**
 * The body: `report`: what happened, as JSON; `none`: empty; `echo`: the challenge; `notice`: a text that the sender shows to its
 * user. `problem`: the error with its own status.
 */
export type Answer = { status: 200 | 202; body: 'report' | 'none' | 'echo' | 'notice' } | { body: 'problem' }

const report = (status: 200 | 202): Answer => ({ status, body: 'report' })
const none: Answer = { status: 200, body: 'none' }
const echo: Answer = { status: 200, body: 'echo' }
const problem: Answer = { body: 'problem' }

/**
 * Senders for which any 2xx is a success and anything else a failure: GitHub, which does not repeat; Gitea; Stripe and Standard
 * Webhooks, which repeat for days; and GitLab, which disables a hook after four failures (docs.github.com, Handling webhook
 * deliveries; go-gitea/gitea, services/webhook/deliver.go; docs.stripe.com, Webhooks; standard-webhooks, spec/standard-webhooks.md;
 * docs.gitlab.com, Webhooks).
 */
const ANY_SUCCESS: Record<Outcome, Answer> = {
  stored: report(202),
  repeated: report(202),
  ignored: report(202),
  pong: report(200),
  challenge: echo,
  refused: problem,
}

/** Every sender and every outcome. */
export const ANSWERS: Readonly<Record<Sender, Readonly<Record<Outcome, Answer>>>> = {
  standard: ANY_SUCCESS,
  github: ANY_SUCCESS,
  gitea: ANY_SUCCESS,
  stripe: ANY_SUCCESS,
  bearer: ANY_SUCCESS,
  // Any 2xx within three seconds, and 200 with the challenge (docs.slack.dev, Events API).
  'slack event': ANY_SUCCESS,
  // Only 200. Its body is shown to the user, and any other status is shown as a failure of the app (docs.slack.dev, Slash
  // commands).
  'slack command': {
    stored: none,
    repeated: none,
    ignored: none,
    pong: none,
    challenge: none,
    refused: { status: 200, body: 'notice' },
  },
  // Only 200, with an empty body: a body is an instruction for the view. Another status shows the user an error, which a refusal is
  // (docs.slack.dev, Handling user interaction).
  'slack interaction': {
    stored: none,
    repeated: none,
    ignored: none,
    pong: none,
    challenge: none,
    refused: problem,
  },
}

export function senderOf(scheme: Scheme, { body, header }: IncomingWebhook): Sender {
  if (scheme !== 'slack') return scheme
  if (!isForm(header('content-type'))) return 'slack event'
  const start = new TextDecoder().decode(body.subarray(0, PAYLOAD_FIELD.length))
  return start === PAYLOAD_FIELD ? 'slack interaction' : 'slack command'
}

/** Buttons, shortcuts and views arrive in this one field of a form. */
const PAYLOAD_FIELD = 'payload='

/** Longest request that is looked at as a check; Slack's has two parameters. */
const MAX_CHECK_BYTES = 1_000

/**
 * Slack checks the certificate of a command's address now and then, without a signature, and needs 200 (docs.slack.dev, Slash
 * commands; slackapi/bolt-js, ssl-check middleware). The answer is the same for every address, and nothing is stored.
 */
export const isSlackCheck = ({ body, header }: IncomingWebhook): boolean =>
  body.length <= MAX_CHECK_BYTES &&
  isForm(header('content-type')) &&
  new URLSearchParams(new TextDecoder().decode(body)).get('ssl_check') === '1'
