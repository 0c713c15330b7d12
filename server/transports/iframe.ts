import type { HubRequest } from '../http/hub-request.ts'
import { jsString } from '../http/js-string.ts'
import { randomName } from '../random.ts'
import { type Batch, textOf } from '../wire/batch.ts'
import { AnswerChannel } from '../wire/channel.ts'
import type { Outgoing } from '../wire/exchange.ts'

/** A page that never ends: each piece of text is a script that hands it to the page around the frame. */
export interface Frame {
  readonly begin: string
  /** A text of nothing says that the page is accepted. */
  say(text: string): string
  /** Tells an end in good order from a break: the page around it sees no difference between them. */
  readonly end: string
}

/** WebKit runs nothing of a page until so much of it has come, in bytes. */
const padding = 512

/**
 * Writes a frame for pages of our own origin, or for the listed one that asks: to no other does the browser hand anything. Nothing in
 * it is run but what is written here.
 */
export function createFrame(
  { standing, origin }: Pick<HubRequest, 'standing' | 'origin'>,
  response: Outgoing,
): Frame {
  const nonce = randomName()
  const around = standing === 'listed' && isSource(origin) ? origin : "'self'"
  response.setHeader(
    'Content-Security-Policy',
    `default-src 'none'; base-uri 'none'; script-src 'nonce-${nonce}'; frame-ancestors ${around}`,
  )
  const script = (code: string) => `<script nonce=${nonce}>${code}</script>\n`
  // By what name a page of our own has come to us only the browser knows for certain.
  const to = standing === 'listed' && origin !== undefined ? jsString(origin) : 'location.origin'
  const say = `const say = text => { document.currentScript.remove(); parent.postMessage(text, ${to}) }`
  return {
    begin: `<!doctype html>\n<!--${' '.repeat(padding)}-->\n${script(`document.currentScript.remove(); ${say}`)}`,
    say: text => script(`say(${jsString(text)})`),
    end: script('say(null)'),
  }
}

/** Whether it can stand in a policy, and says nothing else there. */
function isSource(origin: string | undefined): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s;,'"*]+$/i.test(origin ?? '')
}

/** The channel that a frame is. */
export class FrameChannel extends AnswerChannel {
  private readonly frame: Frame

  constructor(response: Outgoing, frame: Frame) {
    super(response, 'iframe')
    this.frame = frame
  }

  get once(): boolean {
    return false
  }

  write(batch: Batch): void {
    this.response.write(this.frame.say(textOf(batch)))
  }

  end(): void {
    this.response.end(this.frame.end)
  }
}
