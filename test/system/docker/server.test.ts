// The whole server with CONTAINER_BACKEND=docker and a real daemon, over HTTP. All tests share them and run at the same time,
// each with workspaces of its own.
import { afterAll, beforeAll, describe } from 'vitest'
import { HAS_DOCKER } from '../../support/dockerd.ts'
import { type DockerServer, startDockerServer } from './suites/fixture.ts'
import { images } from './suites/images.ts'
import { inside } from './suites/inside.ts'
import { lifecycle } from './suites/lifecycle.ts'
import { networks } from './suites/networks.ts'
import { outside } from './suites/outside.ts'
import { words } from './suites/words.ts'

describe.runIf(HAS_DOCKER).concurrent('a server with CONTAINER_BACKEND=docker', () => {
  let fixture: DockerServer
  beforeAll(async () => {
    fixture = await startDockerServer()
    // Where Docker must be installed first, this takes minutes.
  }, 300_000)
  afterAll(() => fixture?.close(), 120_000)

  const get = () => fixture
  lifecycle(get)
  images(get)
  inside(get)
  networks(get)
  outside(get)
  words(get)
})
