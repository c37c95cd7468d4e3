// Options that are numbers: a wrong one is refused before anything is sent.
import { InvalidArgumentError } from 'commander'

/** Reads the value of an option, for commander. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number, at least ${least}.`)
  }
