import type { Events } from '../events.ts'
import { within } from '../http/access.ts'
import { answerTo, type Refusal, refusal } from '../http-error.ts'
import { isListed, type Limits, type MaySubscribe } from '../options.ts'
import { printable } from '../printer.ts'
import type { HubEvents } from './inbox.ts'
import type { Member } from './session.ts'

type Answer = Refusal | undefined

/** Decides whether a session may hear a topic: by what `authorize` said, and by whoever listens for `subscribe`. Gives the refusal, or none. */
export function createPermission(
  events: Events<HubEvents>,
  limits: Limits,
): (member: Member, topic: string, announced: Promise<void> | undefined) => Answer | Promise<Answer> {
  return (member, topic, announced) => {
    const { mayHear } = member
    const asks = events.hasListeners('subscribe')
    if (typeof mayHear === 'function' || asks) return decide(member, topic, announced)
    return mayHear && isListed(mayHear, topic) ? undefined : notAllowed(topic)
  }

  async function decide(
    member: Member,
    topic: string,
    announced: Promise<void> | undefined,
  ): Promise<Answer> {
    try {
      await announced
      return await within(limits.authorize, ask(member, topic), `what decides on ${printable(topic)}`)
    } catch (thrown) {
      const { why, withheld } = answerTo(thrown, { trusting: true })
      if (withheld) events.report(thrown)
      return why
    }
  }

  async function ask(member: Member, topic: string): Promise<Answer> {
    const { mayHear, session } = member
    let said: MaySubscribe =
      typeof mayHear === 'function' ? await mayHear(topic) : mayHear && isListed(mayHear, topic)
    if (said === undefined || mayHear === undefined) said = events.hasListeners('subscribe')
    if (!said) return notAllowed(topic)
    const all = await events.ask('subscribe', { topic, session })
    return all.includes(false) ? notAllowed(topic) : undefined
  }
}

function notAllowed(topic: string): Refusal {
  return refusal(403, `this line may not subscribe to ${JSON.stringify(printable(topic))}`)
}
