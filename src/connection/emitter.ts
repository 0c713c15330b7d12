import type { AnyEvent, Handler, TargetClass } from '../here.ts'

/** A place without it may load this module, and hears what is missing when it connects. */
const EventTarget = (globalThis.EventTarget ??
  class {
    constructor() {
      throw new TypeError(
        'connect: there is no EventTarget or no Event here; load a polyfill of both, such as event-target-shim, before throughline',
      )
    }
  }) as TargetClass

/** What events happen to: a line, or a subscription. */
export class Emitter extends EventTarget {
  private readonly handlers: Record<string, Handler<AnyEvent>> = {}

  /** @internal */
  protected handler<E extends AnyEvent>(type: string): Handler<E> {
    return (this.handlers[type] as Handler<E> | undefined) ?? null
  }

  /**
   * An event handler attribute: it keeps its place among the listeners when it is replaced (WHATWG HTML 8.1.8.1). `literal`: whether it hears
   * messages of its name too. A server may name its messages as it likes; one called "error" is for listeners of that name, not for `onerror`.
   *
   * @internal
   */
  protected handle<E extends AnyEvent>(
    type: string,
    handler: Handler<E>,
    literal: boolean | undefined = type === 'message',
  ): void {
    if (!(type in this.handlers)) {
      this.addEventListener(type, (event: Event) => {
        if (literal || !('data' in event)) this.handlers[type]?.call(this, event)
      })
    }
    this.handlers[type] = typeof handler === 'function' ? (handler as Handler<AnyEvent>) : null
  }
}
