// What is sent of the options: those that were given.

type Defined<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> }

/** The members that are not undefined. */
export const defined = <Values extends object>(values: Values): Defined<Values> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<Values>

/** The value of an option that `--no-…` switches off, for the API: null is nothing, undefined is no change. */
export const orNull = <Value>(value: Value): Exclude<Value, false> | null =>
  value === false ? null : (value as Exclude<Value, false>)
