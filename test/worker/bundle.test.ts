// The bundle of the Worker, as it would be deployed: its modules. size.test.ts measures it.
import { beforeAll, expect, test } from 'vitest'
import * as zod from 'zod'
import * as zodForWorkers from '../../functions/worker/zod/index.ts'
import { type Bundle, bundleWorker } from '../support/worker-bundle.ts'

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorker()
})

test('the bundle imports nothing, not even a Node module', () => {
  expect(bundle.externals).toEqual([])
  expect(bundle.code).not.toMatch(/(from|import|require\()\s*["']node:/)
})

test('the bundle contains neither the emulator nor another driver', () => {
  const unwanted = /lib\/emulator|pglite|node_modules\/pg\/|@a2a-js|functions\/(node|listen|embedded-fly)\.ts/
  expect(bundle.inputs.filter((input) => unwanted.test(input))).toEqual([])
  expect(bundle.inputs).toContain('functions/worker.ts')
})

test('the bundle contains all of zod except its locales', () => {
  const left = Object.keys(zod).filter((name) => !Object.hasOwn(zodForWorkers, name))
  expect(left.toSorted()).toEqual(['core', 'locales'])
  expect(Object.keys(zodForWorkers.z).length).toBeGreaterThan(200)
})
