// App secrets: values that machines of an app can receive and that no list of machines shows. This client writes them
// and never reads them back (docs/facts/fly.md §2.8).

import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'

/** Calls about app secrets; all throw FlyError. No error and no log contains a value. */
export function secretCalls(request: Requester) {
  const pathOf = (app: string) => ['v1', 'apps', app, 'secrets']

  return {
    /**
     * Sets these values in one change; null removes a secret.
     * @returns the version to pass as `min_secrets_version`; undefined where Fly does not return one
     */
    async updateSecrets(
      app: string,
      values: Record<string, string | null>,
      options: CallOptions = {},
    ): Promise<number | undefined> {
      const { body } = await request({
        action: 'update_secrets',
        method: 'POST',
        path: pathOf(app),
        app,
        body: { values },
        read: shapes.secretsUpdate,
        options,
      })
      return body.version ?? body.Version
    },

    /** The names of all secrets of the app. */
    async listSecretNames(app: string, options: CallOptions = {}): Promise<string[]> {
      const { body } = await request({
        action: 'list_secrets',
        method: 'GET',
        path: pathOf(app),
        app,
        read: shapes.secretList,
        options,
      })
      return body.secrets.map(({ name }) => name)
    },
  }
}
