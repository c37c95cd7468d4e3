// The version that `molecule-fly --version` prints. A test compares it with package.json.
export const VERSION = '0.1.0'
