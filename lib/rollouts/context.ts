// The surroundings of rollouts: they restart workspaces, but not while the proxy has requests under way for them.
import type { ProxyContext } from '../a2a/context.ts'
import type { Context } from '../config/context.ts'

export type RolloutContext = Context & Pick<ProxyContext, 'limits'>
