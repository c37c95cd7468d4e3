// The JSON-RPC of A2A 0.3 and 1.0: the same requests in either version (docs/facts/a2a.md §1.2).
export type Dialect = {
  name: '0.3' | '1.0'
  /** Headers that announce the version. */
  headers: Record<string, string>
  methods: Record<Method, string>
  message(text: string, extra?: object): object
  /** Parameters of a send. `wait` false: the agent answers as soon as the task exists. */
  send(message: object, options?: { wait?: boolean }): object
  pushConfig(taskId: string, id: string): object
  /** Parameters that name a push config of a task; without `id` all of them. */
  pushConfigOf(taskId: string, id?: string): object
}

export type Method =
  | 'send'
  | 'stream'
  | 'get'
  | 'cancel'
  | 'subscribe'
  | 'setPush'
  | 'getPush'
  | 'listPush'
  | 'deletePush'
  | 'extendedCard'

export const V0_3: Dialect = {
  name: '0.3',
  headers: {},
  methods: {
    send: 'message/send',
    stream: 'message/stream',
    get: 'tasks/get',
    cancel: 'tasks/cancel',
    subscribe: 'tasks/resubscribe',
    setPush: 'tasks/pushNotificationConfig/set',
    getPush: 'tasks/pushNotificationConfig/get',
    listPush: 'tasks/pushNotificationConfig/list',
    deletePush: 'tasks/pushNotificationConfig/delete',
    extendedCard: 'agent/getAuthenticatedExtendedCard',
  },
  message: (text, extra = {}) => ({
    kind: 'message',
    messageId: `message-${text}`,
    role: 'user',
    parts: [
      { kind: 'text', text },
      { kind: 'data', data: { n: 1.5, list: [null, true, 'ü'] } },
      { kind: 'file', file: { name: 'a.txt', mimeType: 'text/plain', bytes: 'aGVsbG8=' } },
    ],
    ...extra,
  }),
  send: (message, { wait = true } = {}) => ({ message, configuration: { blocking: wait } }),
  pushConfig: (taskId, id) => ({
    taskId,
    pushNotificationConfig: { id, url: 'https://example.com/hook', token: 'of the hook' },
  }),
  pushConfigOf: (taskId, id) => ({
    id: taskId,
    ...(id === undefined ? {} : { pushNotificationConfigId: id }),
  }),
}

export const V1_0: Dialect = {
  name: '1.0',
  headers: { 'a2a-version': '1.0' },
  methods: {
    send: 'SendMessage',
    stream: 'SendStreamingMessage',
    get: 'GetTask',
    cancel: 'CancelTask',
    subscribe: 'SubscribeToTask',
    setPush: 'CreateTaskPushNotificationConfig',
    getPush: 'GetTaskPushNotificationConfig',
    listPush: 'ListTaskPushNotificationConfigs',
    deletePush: 'DeleteTaskPushNotificationConfig',
    extendedCard: 'GetExtendedAgentCard',
  },
  message: (text, extra = {}) => ({
    messageId: `message-${text}`,
    role: 'ROLE_USER',
    parts: [
      { text },
      { data: { n: 1.5, list: [null, true, 'ü'] } },
      { raw: 'aGVsbG8=', filename: 'a.txt', mediaType: 'text/plain' },
    ],
    ...extra,
  }),
  send: (message, { wait = true } = {}) => ({ message, configuration: { returnImmediately: !wait } }),
  pushConfig: (taskId, id) => ({ taskId, id, url: 'https://example.com/hook', token: 'of the hook' }),
  pushConfigOf: (taskId, id) => ({ taskId, ...(id === undefined ? {} : { id }) }),
}

export const request = (dialect: Dialect, method: Method, params?: object, id: unknown = 'a') => ({
  jsonrpc: '2.0',
  id,
  method: dialect.methods[method],
  ...(params === undefined ? {} : { params }),
})
