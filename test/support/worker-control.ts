// The protocol between a test and the Worker under test.

/** The origin of the test commands, which only the Worker under test has. */
export const CONTROL_ORIGIN = 'http://control.test'

/** A header of each request to the Worker: milliseconds that the clock is ahead. */
export const CLOCK_OFFSET_HEADER = 'x-test-clock-offset'

/** Where the Worker under test reads files of dist/assets/. */
export const ASSETS_ORIGIN = 'https://assets.test'

/** A header of each request that leaves the Worker: the origin that it was sent to. */
export const ORIGIN_HEADER = 'x-test-origin'
