// How results are printed: tables for people, JSON for programs, colour only on a terminal, progress on stderr.
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Text in a colour, if the output is a terminal and NO_COLOR is not set. */
export const styled = (style: Style, text: string): string =>
  styleText(style, text, { stream: process.stdout })

export const print = (text: string): void => void process.stdout.write(`${text}\n`)

export const printJson = (value: unknown): void => print(JSON.stringify(value, undefined, 2))

/** A line about progress: on stderr, so that a pipe receives the result only. */
export const report = (text: string): void => void process.stderr.write(`${text}\n`)

const STATUS_STYLES: Record<string, Style> = {
  ready: 'green',
  provisioning: 'yellow',
  degraded: 'yellow',
  offline: 'yellow',
  failed: 'red',
  removed: 'gray',
}

export const statusText = (status: string): string => styled(STATUS_STYLES[status] ?? 'blue', status)

/**
 * Prints rows under headings, in columns as wide as their longest value. A cell that is null shows a dash, and a column without
 * any other cell is left out: it has no meaning for these rows.
 */
export function printTable(headings: readonly string[], rows: readonly (readonly (string | null)[])[]): void {
  const isShown = (_: unknown, column: number) =>
    rows.length === 0 || rows.some((row) => row[column] !== null)
  printColumns(
    headings.filter(isShown),
    rows.map((row) => row.filter(isShown).map((cell) => cell ?? '-')),
  )
}

function printColumns(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => stripVTControlCharacters(row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - stripVTControlCharacters(cell).length))
      .join('  ')
      .trimEnd()
  print(styled('bold', line(headings)))
  for (const row of rows) print(line(row))
}

/** A text from elsewhere on one line, without control characters. */
export const clean = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')

/** The first digits of a digest are enough to tell images apart. */
export const shortImage = (image: string): string => image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1')

/** An amount of US dollars for a table; null where nothing has a price. */
export const dollars = (amount: number | null | undefined): string | null => amount?.toFixed(2) ?? null

/** A moment as an age: `12s`, `5m`, `3h`, `2d`. */
export function age(time: string | null, now = Date.now()): string {
  if (time === null) return '-'
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`
  return `${Math.round(seconds / 86_400)}d`
}
