// Lint rules. What a file may import is decided by its folder: functions → lib → drizzle, in lib each folder only what lies
// below it (lib/README.md has the order), and Node or a runtime's own modules only where the folder says so.
import { defineConfig } from 'oxlint'
import { readFolderOrder } from './scripts/dev/folder-order.ts'

type Pattern = { group: string[]; message: string }

const restrict = (...patterns: Pattern[]) => ({
  'eslint/no-restricted-imports': ['error', { patterns }] as ['error', { patterns: Pattern[] }],
})

const tests: Pattern = {
  group: ['**/test/**', '**/scripts/**'],
  message: 'Shipped code never imports tests or scripts.',
}
const node: Pattern = { group: ['node:*'], message: 'This folder runs on Workers: web standards only.' }
const queries: Pattern = {
  group: ['drizzle-orm', 'drizzle-orm/*', '**/drizzle/**'],
  message: 'Queries live in lib; functions translate HTTP.',
}
const nodeFolder: Pattern = {
  group: ['**/functions/node/**', '**/node/**'],
  message: 'Only functions/node and its entry run on Node alone.',
}
const workerFolder: Pattern = {
  group: ['**/worker/**'],
  message: 'Only functions/worker and its entries run on Workers alone.',
}
const emulator: Pattern = {
  group: ['**/emulator/**'],
  message: 'The emulator stands for Fly: reach it over HTTP.',
}

const libCommon: Pattern[] = [
  tests,
  node,
  emulator,
  { group: ['hono', 'hono/*', '@hono/*'], message: 'lib knows nothing of HTTP frameworks.' },
  { group: ['**/functions/**'], message: 'Imports point down: functions → lib → drizzle.' },
]

const order = readFolderOrder()
const folders = order.map((folder, index) => ({
  files: [`lib/${folder}/**`],
  rules: restrict(
    ...libCommon,
    ...(index === 0
      ? []
      : [
          {
            group: order.slice(0, index).map((above) => `**/${above}/**`),
            message: `lib/${folder} may import only the folders below it (lib/README.md).`,
          },
        ]),
  ),
}))

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'jsx-a11y'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: [
    'client/api.d.ts',
    'lib/fly/machines-openapi.d.ts',
    'drizzle/migrations',
    'scripts/generators/programs',
  ],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/return-await': ['error', 'in-try-catch'],
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'eslint/no-console': 'error',
    'eslint/eqeqeq': ['error', 'always', { null: 'ignore' }],
    'eslint/no-shadow': 'off',
    'eslint/no-underscore-dangle': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/consistent-return': 'off',
    'import/no-unassigned-import': 'off',
    // Rows of a list that shows only a part of itself cannot be table rows, and axe checks the roles (test/system/console/views.test.ts).
    'jsx-a11y/prefer-tag-over-role': 'off',
  },
  overrides: [
    {
      files: ['functions/*.ts', 'functions/{http,middleware,routes}/**'],
      rules: restrict(tests, node, queries, nodeFolder, workerFolder, emulator),
    },
    {
      files: ['functions/node.ts'],
      rules: { ...restrict(tests, workerFolder, emulator), 'eslint/no-console': 'off' },
    },
    {
      files: ['functions/node/**'],
      rules: restrict(tests, workerFolder, {
        group: ['drizzle-orm', 'drizzle-orm/*', '**/drizzle/schema/**'],
        message: 'Queries live in lib.',
      }),
    },
    {
      files: ['functions/worker.ts', 'functions/worker-hyperdrive.ts', 'functions/worker/**'],
      rules: restrict(tests, node, nodeFolder, emulator, {
        group: ['drizzle-orm', 'drizzle-orm/*', '**/drizzle/schema/**'],
        message: 'Queries live in lib.',
      }),
    },
    {
      files: ['client/**'],
      rules: restrict(node, {
        group: ['**/{cli,functions,lib,drizzle,test,scripts}/**'],
        message: 'The client speaks HTTP: it imports nothing of the server.',
      }),
    },
    {
      files: ['console/**'],
      rules: restrict(tests, node, {
        group: ['**/{cli,mcp,functions,lib,drizzle,commands}/**'],
        message: 'The console speaks HTTP, through the client.',
      }),
    },
    {
      files: ['mcp/**'],
      rules: restrict(node, {
        group: ['**/{cli,functions,lib,drizzle,test,scripts}/**'],
        message: 'The MCP server speaks HTTP, through the client.',
      }),
    },
    {
      files: ['cli/**'],
      rules: restrict({
        group: ['**/{functions,lib,drizzle,test,scripts}/**'],
        message: 'The command line speaks HTTP, through the client.',
      }),
    },
    ...folders,
    ...['', '*/', '*/*/'].map((folder, depth) => ({
      files: [`lib/emulator/${folder}*.ts`],
      rules: restrict(node, {
        group: [
          '**/{drizzle,functions,test,scripts}/**',
          ...order.map((name) => `${'../'.repeat(depth + 1)}${name}/**`),
        ],
        message: 'The emulator stands for Fly: it imports only itself and packages.',
      }),
    })),
    {
      files: ['lib/emulator/node/**'],
      rules: {
        ...restrict({
          group: ['**/{drizzle,functions,test,scripts}/**'],
          message: 'The emulator imports only itself and packages.',
        }),
        'eslint/no-console': 'off',
      },
    },
    {
      files: ['drizzle/**'],
      rules: restrict({
        group: ['../lib/**', '../functions/**', '../../lib/**', '../../functions/**'],
        message: 'The database layer imports nothing of ours.',
      }),
    },
    {
      files: ['test/**', 'scripts/**', 'commands/**'],
      rules: {
        'eslint/no-console': 'off',
        'typescript/no-non-null-assertion': 'off',
        'import/no-named-as-default-member': 'off',
      },
    },
    { files: ['commands/**'], rules: restrict(tests) },
    {
      files: ['examples/**'],
      rules: {
        ...restrict({
          group: ['../../**'],
          message: 'An example is taken away: it imports nothing of this repository.',
        }),
        'eslint/no-console': 'off',
      },
    },
    {
      files: ['scripts/**'],
      rules: restrict({
        group: ['**/test/**', '!**/test/support/**'],
        message: 'Scripts share the fixtures in test/support with the tests, and nothing else.',
      }),
    },
    {
      files: ['test/**'],
      rules: restrict({
        group: ['**/scripts/**', '!**/scripts/dev/**'],
        message: 'Tests start scripts as processes. Only the checks in scripts/dev have unit tests.',
      }),
    },
  ],
})
