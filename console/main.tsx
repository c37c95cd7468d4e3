// The console: a single page over the public API. This file starts it.
import { render } from 'preact'
import { App } from './app.tsx'
import { start } from './session/session.ts'

const root = document.getElementById('console')
if (root !== null) {
  root.replaceChildren()
  render(<App />, root)
  void start()
}
