// What a test and the Worker under test agree on.

/** The host of the doors that only the Worker under test has. */
export const CONTROL = 'http://control.test'

/** A header of each request: milliseconds that the clock is ahead. */
export const AHEAD = 'x-test-ahead'

/** A header of what leaves the Worker: the origin that it asked for. */
export const NAMED = 'x-test-named'
