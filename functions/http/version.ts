// The version in responses and logs. A test compares it with package.json.
export const VERSION = '0.1.0'
