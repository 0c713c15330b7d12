import type { Environment } from '../../src/environment.ts'
import { socketClass } from '../../testing/socket.ts'
import { sourceClass } from './event-source.ts'
import type { Lanes } from './lanes.ts'
import { scriptDocument } from './script-document.ts'
import { requestClass } from './xml-http-request.ts'

/** What a line takes from a browser, each part leading to the server in the page. */
export function surroundings(lanes: Lanes): Partial<Environment> {
  return {
    WebSocket: socketClass(lanes),
    EventSource: sourceClass(lanes.fetch),
    XMLHttpRequest: requestClass(lanes.fetch),
    fetch: lanes.fetch as Environment['fetch'],
    document: scriptDocument(lanes.fetch),
  }
}
