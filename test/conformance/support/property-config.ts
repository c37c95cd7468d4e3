// The length of the property tests: short and with a fixed seed in the suite, longer by hand
// (`CONFORMANCE_RUNS=5000 CONFORMANCE_SEED=$RANDOM npx vitest run test/conformance -t random`).
const RUNS = Number(process.env['CONFORMANCE_RUNS'] ?? 25)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 20_260_801)

/** Options of `fc.assert`. */
export const propertyOptions = { numRuns: RUNS, seed: SEED, endOnFailure: RUNS > 1_000 }

/** The timeout of a test in milliseconds, far above its usual duration. */
export const timeoutMs = 20_000 + RUNS * 500
