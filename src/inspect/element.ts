import type { Line } from '../connection/line.ts'
import type { TraceEvent } from '../connection/trace.ts'
import { withoutQuery } from '../contracts/failure.ts'
import { type Explained, explain } from '../report.ts'
import { trace } from '../trace.ts'
import { createPanel, type Panel } from './panel.ts'
import { style } from './style.ts'
import { createTally, type Tally, type View } from './tally.ts'

/** How often what is shown changes at most, in ms: faster is not read. */
const pace = 100

/** How often it changes without news, in ms: times go on. */
const tick = 1_000

/** Any line, whatever its messages are. */
// biome-ignore lint/suspicious/noExplicitAny: its methods take what its messages are, so that no other type fits all lines.
export type AnyLine = Line<any, any>

/** What `InspectorElement.report()` gives, in a form that travels as JSON. */
export interface InspectorReport extends Omit<View, 'attempts'> {
  /** Of this form. */
  readonly version: 1
  /** Without its query. */
  readonly url: string
  /** What the browser says that it is. */
  readonly userAgent: string
  /** When it was made, in ms since the epoch, and on the clock of the entries. */
  readonly made: { readonly date: number; readonly at: number }
  /** Tries of transports, each with a verdict in words. */
  readonly attempts: readonly Explained[]
}

/** The class that elements of one's own extend, for declarations that have to stand in every project. */
type ElementClass = new () => typeof globalThis extends Record<'HTMLElement', { prototype: infer Own }>
  ? Own
  : { remove(): void }

/** Places without elements may load this module. */
const Base = (globalThis.HTMLElement ?? class {}) as ElementClass

/**
 * `<throughline-inspector>`: shows a line at work, for development. Give it the line as `line`, or several as `lines`; while it is in a page
 * it traces them, and once it is taken out of it lets go of them.
 */
export class InspectorElement extends Base {
  private all: readonly AnyLine[] = []
  private chosen: AnyLine | undefined
  private readonly tallies = new WeakMap<AnyLine, Tally>()
  private readonly following = new Map<AnyLine, () => void>()
  private panel: Panel | undefined
  private isSeen = true
  private timer: ReturnType<typeof setTimeout> | undefined
  private frame = 0
  private stop: (() => void) | undefined

  /** The line that is shown. One that is not among `lines` takes their place. */
  get line(): AnyLine | undefined {
    return this.chosen
  }
  set line(line: AnyLine | undefined) {
    this.chosen = line
    if (!line) this.all = []
    else if (!this.all.includes(line)) this.all = [line]
    this.follow()
  }

  /** The lines to choose from. */
  get lines(): readonly AnyLine[] {
    return this.all
  }
  set lines(lines: readonly AnyLine[]) {
    this.all = [...lines]
    if (!this.chosen || !this.all.includes(this.chosen)) this.chosen = this.all[0]
    this.follow()
  }

  /** What is known of the line, to be pasted where somebody asks for it. It holds addresses without query, names of topics and ids, and no message. */
  report(): InspectorReport | undefined {
    const view = this.view()
    const line = this.chosen
    if (!view || !line) return undefined
    return {
      version: 1,
      url: withoutQuery(line.url),
      userAgent: navigator.userAgent,
      made: { date: Date.now(), at: performance.now() },
      ...view,
      attempts: explain(view.attempts),
    }
  }

  /** @internal */
  connectedCallback(): void {
    this.upgrade('lines')
    this.upgrade('line')
    this.panel ??= this.build()
    const watcher = new IntersectionObserver(([entry]) => {
      this.isSeen = entry?.isIntersecting ?? true
      this.plan()
    })
    watcher.observe(this)
    const ticking = setInterval(() => this.plan(), tick)
    this.stop = () => {
      watcher.disconnect()
      clearInterval(ticking)
    }
    this.follow()
  }

  /** @internal */
  disconnectedCallback(): void {
    this.stop?.()
    clearTimeout(this.timer)
    cancelAnimationFrame(this.frame)
    this.timer = undefined
    this.follow()
  }

  /** A page may have set it before this class was there, which hides what is set here. */
  private upgrade(name: 'line' | 'lines'): void {
    const given = Object.getOwnPropertyDescriptor(this, name)
    if (!given) return
    delete (this as Record<string, unknown>)[name]
    Object.assign(this, { [name]: given.value })
  }

  private build(): Panel {
    const panel = createPanel({
      toggled: () => this.plan(),
      chose: index => {
        this.line = this.all[index]
      },
      copy: () => void this.copy(),
    })
    const root = this.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(style)
    root.adoptedStyleSheets = [sheet]
    root.append(panel.root)
    return panel
  }

  /** Traces the lines that it has while it is in a page, and no others. */
  private follow(): void {
    const wanted = this.isConnected ? this.all : []
    for (const [line, leave] of this.following) {
      if (wanted.includes(line)) continue
      leave()
      this.following.delete(line)
    }
    for (const line of wanted) if (!this.following.has(line)) this.following.set(line, this.begin(line))
    this.panel?.offer(
      this.all.map(({ url }) => withoutQuery(url)),
      this.chosen ? this.all.indexOf(this.chosen) : -1,
    )
    this.plan()
  }

  private begin(line: AnyLine): () => void {
    const tally = this.tallies.get(line) ?? createTally()
    this.tallies.set(line, tally)
    const hear = (event: TraceEvent) => {
      // A server may call its messages so.
      if ('data' in event) return
      tally.take(event.entry)
      if (line === this.chosen) this.plan()
    }
    const stop = trace(line)
    line.addEventListener('trace', hear)
    return () => {
      line.removeEventListener('trace', hear as never)
      stop()
    }
  }

  /** Has it shown in a moment: however much happens, it is shown once for each. */
  private plan(): void {
    if (this.timer !== undefined || !this.isConnected || !this.isSeen) return
    this.timer = setTimeout(() => {
      this.frame = requestAnimationFrame(() => {
        this.timer = undefined
        // It may have gone out of sight meanwhile.
        if (this.isSeen) this.show()
      })
    }, pace)
  }

  private view(): View | undefined {
    return this.chosen && this.tallies.get(this.chosen)?.view(performance.now())
  }

  private show(): void {
    const { chosen: line, panel } = this
    const view = this.view()
    if (!line || !view || !panel) return
    const { retryAt } = line
    panel.show({
      ...view,
      state: line.state,
      transport: line.transport,
      attempts: panel.isOpen ? explain(view.attempts) : [],
      address: withoutQuery(line.url),
      lastEventId: line.lastEventId,
      bufferedAmount: line.bufferedAmount,
      retryIn: retryAt && Math.max(retryAt - Date.now(), 0),
    })
  }

  private async copy(): Promise<void> {
    const text = JSON.stringify(this.report(), null, 2)
    // Where there is no clipboard, or the person does not let it be used, the text is there to be copied by hand.
    const isCopied = await Promise.resolve(navigator.clipboard?.writeText(text).then(() => true)).catch(
      () => false,
    )
    this.panel?.hand(text, isCopied === true)
  }
}
