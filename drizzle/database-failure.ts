// What a failed statement says about the database: it does not answer now, it refuses this server until its
// administrator changes something, or its tables are not those of this version. Sentences contain no values of the
// connection string, because callers and /readyz show them.
import { DrizzleQueryError } from 'drizzle-orm'
import { ENCODING } from './connection-string.ts'
import { StaleReads } from './database.ts'

export type DatabaseFailure = {
  /**
   * `unavailable`: it may answer later without a change. `refused`: settings, the role or the certificate must change
   * first. `unmigrated`: the migrations must run first.
   */
  kind: 'unavailable' | 'refused' | 'unmigrated'
  /** A sentence without a full stop. */
  message: string
  /** What to do. */
  remedy: string
}

type Rule = DatabaseFailure & { codes?: readonly string[]; text?: RegExp }

const refused = (rule: Omit<Rule, 'kind'>): Rule => ({ kind: 'refused', ...rule })
const unavailable = (rule: Omit<Rule, 'kind' | 'remedy'> & { remedy?: string }): Rule => ({
  kind: 'unavailable',
  remedy: 'it is tried again automatically',
  ...rule,
})

/** The migrations have not run, or not all of them. */
export const UNMIGRATED: DatabaseFailure = {
  kind: 'unmigrated',
  message: 'the database lacks tables or columns of this version',
  remedy: 'run: npm run db:migrate',
}

const CREDENTIALS = `correct the user and the password in DATABASE_URL; ${ENCODING}`

// SQLSTATEs are in Postgres' appendix A; the other codes are Node's. The first rule that matches decides, so rules
// with a text come before those with a code alone.
const RULES: readonly Rule[] = [
  refused({
    text: /client password must be a/i,
    message: 'DATABASE_URL has no password, and the database requires one',
    remedy: CREDENTIALS,
  }),
  refused({
    codes: ['28P01'],
    // PgBouncer and other poolers have texts of their own, and the code 08P01 for every refusal.
    text: /authentication failed|SASL.{0,80}signature/i,
    message: 'the database refuses the password in DATABASE_URL',
    remedy: CREDENTIALS,
  }),
  refused({
    text: /no encryption|connection is insecure|SSL.*required/i,
    message: 'the database requires an encrypted connection',
    remedy: 'append sslmode=verify-full to the parameters of DATABASE_URL',
  }),
  refused({
    text: /does not support SSL connections/i,
    message: 'the database does not offer an encrypted connection',
    remedy: 'enable TLS at the database, or remove sslmode from DATABASE_URL',
  }),
  refused({
    text: /^role .* does not exist|tenant or user not found|no such user/i,
    message: 'the user in DATABASE_URL does not exist',
    remedy: CREDENTIALS,
  }),
  refused({
    codes: ['28000'],
    message: 'the database does not admit this user from here',
    remedy:
      "correct the user in DATABASE_URL, or the database's access rules (pg_hba.conf, login right of the role)",
  }),
  refused({
    codes: ['3D000'],
    text: /no such database|^database .* does not exist/i,
    message: 'the database that DATABASE_URL names does not exist',
    remedy: 'create it, or correct the name at the end of the path of DATABASE_URL',
  }),
  refused({
    codes: ['42501'],
    message: 'the user in DATABASE_URL lacks a permission in the database',
    remedy: 'use the user that runs npm run db:migrate, or grant this user the use of its tables',
  }),
  refused({
    codes: [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ],
    message: 'the certificate of the database is not signed by a known authority',
    remedy:
      'append sslrootcert=FILE with the certificate of its authority to the parameters of DATABASE_URL, or uselibpqcompat=true&sslmode=require, which encrypts without verification',
  }),
  refused({
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID'],
    message: 'the certificate of the database is for another host name',
    remedy:
      'use the host name of the certificate in DATABASE_URL, or append uselibpqcompat=true&sslmode=verify-ca&sslrootcert=FILE, which does not compare it',
  }),
  refused({
    text: /sslmode=verify-ca requires/i,
    message: 'sslmode=verify-ca needs the certificate of an authority',
    remedy: 'append sslrootcert=FILE to the parameters of DATABASE_URL, or use sslmode=verify-full',
  }),
  refused({
    codes: ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
    message: 'the certificate of the database is not valid now',
    remedy: 'renew the certificate of the database, and check the clocks',
  }),
  refused({
    codes: ['ENOENT', 'EACCES', 'EISDIR'],
    text: /^(?:ENOENT|EACCES|EISDIR)\b.*\bopen\b/,
    message: 'a certificate file of DATABASE_URL cannot be read',
    remedy: 'correct sslrootcert, sslcert and sslkey in DATABASE_URL',
  }),
  { ...UNMIGRATED, codes: ['42P01', '3F000', '42703', '42704'] },
  unavailable({
    codes: ['ENOTFOUND'],
    message: 'the host in DATABASE_URL is not known',
    remedy: `correct the host; ${ENCODING}`,
  }),
  unavailable({
    codes: ['ECONNREFUSED'],
    message: 'no database listens at the host and port of DATABASE_URL',
    remedy: 'start the database, or correct DATABASE_URL',
  }),
  unavailable({
    codes: ['25006'],
    message: 'the database only allows reads',
    remedy: 'it is tried again automatically; if this lasts, DATABASE_URL leads to a replica',
  }),
  unavailable({
    codes: ['53100'],
    message: 'the disk of the database is full',
    remedy: 'free or add disk space',
  }),
  unavailable({ codes: ['40P01', '40001'], message: 'other changes at the same time prevented this one' }),
  unavailable({ codes: ['53300'], message: 'the database has no free connection' }),
  unavailable({ codes: ['57P03'], message: 'the database is starting up or shutting down' }),
  unavailable({
    codes: ['57014'],
    text: /^Query read timeout$|timeout exceeded when trying to connect|timeout expired|TimeoutError|timed? ?out/i,
    message: 'the database did not answer within DATABASE_TIMEOUT_SECONDS',
  }),
]

// SQLSTATE classes that mean "not now" and not "not like this": connection, resources, operator intervention, and
// errors outside Postgres (https://developers.cloudflare.com/hyperdrive/observability/troubleshooting/).
const TRANSIENT = /^(08|53|57|58)/
const SQLSTATE = /^[0-9A-Z]{5}$/

/** Postgres ends a connection with this severity before the first statement, for a parameter that it does not accept. */
const REFUSED_START = refused({
  message: 'the database refuses the connection with the parameters of DATABASE_URL',
  remedy: 'correct options and the other parameters of DATABASE_URL; the log has the words of the database',
})

const UNREACHABLE = unavailable({ message: 'the database does not answer' })

/**
 * @param error of a statement; any other error is none of the database's
 * @returns undefined when the database answered and refused the statement itself, such as for a unique value
 */
export const diagnoseDatabase = (error: unknown): DatabaseFailure | undefined =>
  error instanceof DrizzleQueryError ? diagnoseDriver(error.cause ?? error) : undefined

/** The same for an error of a driver, which may have failed before the first statement. */
export function diagnoseDriver(error: unknown): DatabaseFailure | undefined {
  const cause = rootOf(error)
  if (cause instanceof StaleReads) {
    return { kind: 'refused', message: 'reads of the database come from a cache', remedy: cause.message }
  }
  const { code, message = '', severity } = cause as { code?: unknown; message?: string; severity?: unknown }
  const rule = RULES.find(
    ({ codes, text }) => (typeof code === 'string' && codes?.includes(code)) || text?.test(message),
  )
  const isTransient = typeof code !== 'string' || !SQLSTATE.test(code) || TRANSIENT.test(code)
  if (severity === 'FATAL' && !isTransient && (rule === undefined || rule.kind === 'unmigrated')) {
    return REFUSED_START
  }
  if (rule !== undefined) return { kind: rule.kind, message: rule.message, remedy: rule.remedy }
  // An error without an SQLSTATE means that there was no answer.
  return isTransient ? UNREACHABLE : undefined
}

/** Whether the database may answer later without a change. */
export const isDatabaseUnavailable = (error: unknown): boolean =>
  diagnoseDatabase(error)?.kind === 'unavailable'

function rootOf(error: unknown): unknown {
  if (error instanceof DrizzleQueryError) return rootOf(error.cause)
  // Several addresses of one host were tried.
  if (error instanceof AggregateError) return error.errors[0]
  // Neon's driver keeps the error of its fetch, which keeps that of the connection.
  const source = (error as { sourceError?: unknown } | undefined)?.sourceError
  return source instanceof Error ? (source.cause ?? source) : (error ?? {})
}
