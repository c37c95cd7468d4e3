// Values as short texts. Pure, so that the time and the language are arguments.

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** @param ms a length of time, such as 200,000: `3 min` */
export function duration(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.round(ms / 1000))} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`
  return `${Math.floor(ms / DAY)} d`
}

/** @param at an ISO time, before or after `now` */
export function relative(at: string, now: number): string {
  const ms = now - Date.parse(at)
  if (Number.isNaN(ms)) return ''
  if (Math.abs(ms) < 10_000) return 'now'
  return ms >= 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`
}

/** A date and a time with its zone, in the user's language. */
export const fullTime = (at: string): string =>
  new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' })

/** The time of a day, with seconds. */
export const timeOfDay = (at: string): string => new Date(at).toLocaleTimeString(undefined, { hour12: false })

export const usd = (amount: number): string =>
  new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: 'USD',
    maximumFractionDigits: amount >= 1000 ? 0 : 2,
  }).format(amount)

/** @param size in bytes, such as 2048: `2.0 KiB` */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10))
  return `${power === 0 ? size : (size / 1024 ** power).toFixed(1)} ${units[power]}`
}

/** An image with the beginning of its digest. */
export const shortDigest = (image: string): string =>
  image.replace(/(@sha256:[0-9a-f]{8})[0-9a-f]{56}/, '$1…')

/** `agent_answered` as `agent answered`. */
export const words = (name: string): string => name.replaceAll('_', ' ')

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
