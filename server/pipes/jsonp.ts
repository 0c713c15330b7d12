import type { ServerResponse } from 'node:http'
import { createParser } from '../../src/wire/parser.ts'
import type { Granted } from '../access.ts'
import { sendScript } from '../answers.ts'
import { type Ask, readCount } from '../ask.ts'
import type { Core } from '../core.ts'
import type { Accepted } from '../intake.ts'
import type { Member } from '../member.ts'
import { receipt } from '../receipt.ts'
import { refusal } from '../refusal.ts'

/** Whether this JSONP request carries something upward. */
export function isSlice({ via, url }: Ask): boolean {
  return via === 'jsonp' && url.searchParams.has('rt.up')
}

/** Puts a body together from slices, takes it when it is whole, and answers each slice with an `rt.ack`. */
export async function serveSlice(
  core: Core,
  ask: Ask,
  granted: Granted,
  response: ServerResponse,
): Promise<void> {
  const member = core.sessions.find(ask, granted)
  core.roaming.posted(ask, member !== undefined)
  if (!member) throw refusal(404, 'session unknown')
  const body = gather(member, ask, Math.max(core.settings.limits.message, core.settings.limits.batch))
  const accepted = body === undefined ? undefined : takeBody(core, member, body, granted.send)
  if (accepted) await member.done
  sendScript(response, ask, receipt(member, accepted?.first).text)
  if (accepted?.bye) core.lines.dismiss(member)
}

/** Gives back the body once its last slice is there. */
function gather(member: Member, { url }: Ask, limit: number): string | undefined {
  const slice = url.searchParams.get('rt.up') ?? ''
  const at = readCount(url.searchParams, 'rt.at')
  const length = readCount(url.searchParams, 'rt.of')
  if (at === undefined || length === undefined) throw refusal(400, 'rt.at or rt.of is missing')
  if (at + slice.length > length) throw refusal(400, 'the slice is longer than rt.of')
  if (length > limit) throw refusal(413, 'the body is too large')
  if (at === 0) member.slices = ''
  if (at !== member.slices.length) return undefined
  member.slices += slice
  if (member.slices.length < length) return undefined
  const body = member.slices
  member.slices = ''
  return body
}

function takeBody(core: Core, member: Member, body: string, maySend: boolean): Accepted {
  const { limits } = core.settings
  const parser = createParser({ limit: limits.message, bom: false })
  const blocks = parser.feed(body)
  if (
    parser.overflowed ||
    blocks.length > limits.messages ||
    (blocks.length > 1 && body.length > limits.batch)
  ) {
    throw refusal(413, 'too much at once')
  }
  const accepted = core.accept(member, blocks, maySend)
  for (const ping of accepted.pings) core.lines.pong(member, ping)
  return accepted
}
