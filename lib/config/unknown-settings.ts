// Variables whose names are close to a setting's. An unknown name is ignored, so a misspelled setting would have no
// effect and no error.
import { nearestWord } from '../platform/nearest.ts'

/** Shorter names are close to too many others. */
const MIN_LENGTH = 6

/** Variables that Fly and common hosts set, and whose names are close to ours. */
const KNOWN_ELSEWHERE = new Set(['FLY_APP_NAME', 'FLY_ACCESS_TOKEN', 'FLY_API_HOSTNAME'])

/**
 * @param env the process's variables
 * @param settings the names that are known
 * @returns each suspicious name with the setting that it resembles most
 */
export function findMisspelledSettings(
  env: Record<string, unknown>,
  settings: readonly string[],
): { name: string; meant: string }[] {
  return Object.keys(env).flatMap((name) => {
    if (settings.includes(name) || KNOWN_ELSEWHERE.has(name) || name.length < MIN_LENGTH) return []
    const meant =
      settings.find((setting) => isShortened(name, setting)) ??
      settings.find((setting) => hasOtherLastWord(name, setting)) ??
      nearestWord(
        name,
        settings.filter((setting) => setting.length >= MIN_LENGTH),
      )
    return meant === undefined ? [] : [{ name, meant }]
  })
}

/** PROVISION_TIMEOUT for PROVISION_TIMEOUT_SECONDS. One word alone could be anything. */
const isShortened = (name: string, setting: string) =>
  name.includes('_') && setting.startsWith(`${name}_`) && wordsOf(setting).length === wordsOf(name).length + 1

/** SHUTDOWN_GRACE_MS for SHUTDOWN_GRACE_SECONDS: the unit is the word that people get wrong. */
const hasOtherLastWord = (name: string, setting: string) =>
  /_(?:MS|SECS?|SECONDS|MINUTES|MINS?|HOURS|DAYS|BYTES|KB|MB)$/.test(name) &&
  wordsOf(name).length > 2 &&
  wordsOf(name).slice(0, -1).join('_') === wordsOf(setting).slice(0, -1).join('_')

const wordsOf = (name: string) => name.split('_')
