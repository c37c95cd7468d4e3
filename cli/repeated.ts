// Options that may be given several times. Commander's variadic options would also take the argument behind them:
// `create -l team=research NAME` would have no name.

/** Collects the values of an option, for commander. Before is false after its `--no-…`. */
export const repeated = (value: string, before: readonly string[] | false = []): string[] => [
  ...(before === false ? [] : before),
  value,
]
