import { native } from './dialects/native.ts'
import type { Catalogue } from './setup/choose.ts'
import { subscriptions } from './subscriptions/topics.ts'
import { shareTabs } from './tabs/shared.ts'
import { eventsource } from './transports/eventsource.ts'
import { jsonp } from './transports/jsonp.ts'
import { longPolling } from './transports/long-polling.ts'
import { websocket } from './transports/websocket.ts'
import { xhrStreaming } from './transports/xhr-streaming.ts'

/** What a page has without asking: all five transports, and our own wire. */
export const usual: Catalogue = {
  transports: [websocket, eventsource, xhrStreaming, longPolling, jsonp],
  dialects: [native],
  topics: subscriptions,
  tabs: shareTabs,
}
