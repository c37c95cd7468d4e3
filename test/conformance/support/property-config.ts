// How long the property tests run: short in the suite and always the same, as long as wanted by hand
// (`CONFORMANCE_RUNS=5000 CONFORMANCE_SEED=$RANDOM npx vitest run test/conformance -t random`).
const RUNS = Number(process.env['CONFORMANCE_RUNS'] ?? 25)
const SEED = Number(process.env['CONFORMANCE_SEED'] ?? 20_260_801)

/** For fast-check. */
export const runs = { numRuns: RUNS, seed: SEED, endOnFailure: RUNS > 1_000 }

/** For the test, in milliseconds: far more than it takes. */
export const patience = 20_000 + RUNS * 500
