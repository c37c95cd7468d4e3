// The version in answers and logs; package.json has the same one, and a test compares them.
export const VERSION = '0.1.0'
