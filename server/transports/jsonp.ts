import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { readText } from '../http/body-reader.ts'
import { headFor } from '../http/head.ts'
import { type HubRequest, readCount } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import type { Accepted } from '../sessions/inbox.ts'
import type { Inflow } from '../sessions/inflow.ts'
import type { Member } from '../sessions/session.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendScript } from './responses.ts'

/** Whether this JSONP request carries something upward. */
export function isSlice({ via, url }: HubRequest): boolean {
  return via === 'jsonp' && url.searchParams.has('rt.up')
}

/** Puts a body together from slices, takes it when it is whole, and answers each slice with an `rt.ack`. */
export async function serveSlice(
  context: Context,
  ask: HubRequest,
  granted: Granted,
  response: Outgoing,
): Promise<void> {
  const member = context.sessions.find(ask, granted)
  context.roaming.posted(ask, member !== undefined)
  if (!member) throw refusal(404, 'session unknown')
  const { url } = ask
  const slice = url.searchParams.get('rt.up') ?? ''
  context.inflow.check(member, slice.length)
  context.inflow.count(member, 1, slice.length)
  const body = gather(context, member, url, slice) ?? ''
  try {
    const accepted = body ? takeBody(context, member, body, granted.send) : undefined
    if (accepted) await member.done
    sendScript(response, headFor(ask), ask.callback, acknowledgement(member, accepted?.first).text)
    if (accepted?.bye) context.lines.dismiss(member, accepted.bye)
  } finally {
    context.inflow.release(member, body.length)
  }
}

/** Gives back the body once its last slice is there. */
function gather({ inflow, settings }: Context, member: Member, url: URL, slice: string): string | undefined {
  const { message, batch } = settings.limits
  const at = readCount(url.searchParams, 'rt.at')
  const length = readCount(url.searchParams, 'rt.of')
  if (at === undefined || length === undefined) throw refusal(400, 'rt.at or rt.of is missing')
  if (at + slice.length > length) throw refusal(400, 'the slice is longer than rt.of')
  if (length > Math.max(message, batch)) throw refusal(413, 'the body is too large')
  if (at === 0) dropSlices(inflow, member)
  if (at !== member.slices.length) return undefined
  inflow.reserve(member, slice.length)
  member.slices += slice
  if (member.slices.length < length) return undefined
  const body = member.slices
  member.slices = ''
  return body
}

/** Lets go of a body that is not whole. */
export function dropSlices(inflow: Inflow, member: Member): void {
  inflow.release(member, member.slices.length)
  member.slices = ''
}

function takeBody(context: Context, member: Member, body: string, maySend: boolean): Accepted {
  const blocks = readText(body, body.length, context.settings.limits)
  context.inflow.count(member, blocks.length, 0)
  const accepted = context.accept(member, blocks, maySend)
  for (const ping of accepted.pings) context.lines.pong(member, ping)
  return accepted
}
