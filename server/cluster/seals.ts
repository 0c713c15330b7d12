import type { OutgoingHttpHeaders } from 'node:http'
import type { Arrival } from '../http/proxies.ts'
import type { Incoming } from '../wire/exchange.ts'
import type { Nodes } from './nodes.ts'

/** What is asked, and how it came to the hub that asks. */
type Asked = Pick<Incoming, 'method' | 'url'>

/** By these headers a hub says something to another one, and proves that it is one of them: the text in base64url, a dot, its signature. */
export interface Seals {
  /** That a request came so to the hub that brings it. */
  onRequest(asked: Asked, arrival: Arrival): OutgoingHttpHeaders
  /** How it came there, if a hub of ours says so; once, for the header is taken off. */
  arrivalOf(request: Incoming): Arrival | undefined
  /** That all are to do something. */
  onOrder(order: object): OutgoingHttpHeaders
  orderOf(request: Incoming): object | undefined
}

const requestHeader = 'throughline-forwarded'
const orderHeader = 'throughline-order'

export function createSeals({ sign, isSigned }: Pick<Nodes, 'sign' | 'isSigned'>): Seals {
  return {
    onRequest: (asked, arrival) => ({ [requestHeader]: seal(arrival, subjectOf(asked)) }),
    arrivalOf(request) {
      const arrival = opened(request, requestHeader, subjectOf(request)) as Arrival | undefined
      if (arrival) delete request.headers[requestHeader]
      return arrival
    },
    onOrder: order => ({ [orderHeader]: seal(order, 'order') }),
    orderOf: request => opened(request, orderHeader, 'order'),
  }

  function seal(said: object, subject: string): string {
    const text = Buffer.from(JSON.stringify(said)).toString('base64url')
    return `${text}.${sign(`${subject} ${text}`)}`
  }

  function opened(request: Incoming, header: string, subject: string): object | undefined {
    const [text = '', signature = ''] = String(request.headers[header] ?? '').split('.')
    if (!isSigned(`${subject} ${text}`, signature)) return undefined
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  }
}

/** A seal is good for one request alone. */
function subjectOf({ method, url }: Asked): string {
  return `${method} ${url}`
}
