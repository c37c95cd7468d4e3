// App secrets: values that every machine of an app could be given, and that no list of machines shows. They are only ever
// written from here; who may read them back is Fly's to say (fly.md §2.8).

import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'

/** Verbs about app secrets; all throw FlyError. Values are in no error and no log. */
export function secretVerbs(request: Requester) {
  const pathOf = (app: string) => ['v1', 'apps', app, 'secrets']

  return {
    /**
     * Sets all of these, or with null removes them, in one change.
     * @returns the version to pass as `min_secrets_version`; undefined where Fly does not say
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

    /** The names of all of them. */
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
