/** An XMLHttpRequest whose server is the test: states, text and end come when it says so. */
export class FakeXhr {
  static all: FakeXhr[] = []

  readyState = 0
  status = 0
  responseText = ''
  responseURL = ''
  withCredentials = false
  method = ''
  url = ''
  mime = ''
  body: unknown
  aborted = false
  readonly sent: Record<string, string> = {}
  private answered: Record<string, string> = {}
  onreadystatechange: (() => void) | null = null
  onprogress: (() => void) | null = null
  onload: (() => void) | null = null
  onerror: (() => void) | null = null
  onabort: (() => void) | null = null

  constructor() {
    FakeXhr.all.push(this)
  }

  open(method: string, url: string): void {
    Object.assign(this, { method, url, readyState: 1 })
    this.onreadystatechange?.()
  }

  overrideMimeType(mime: string): void {
    this.mime = mime
  }

  setRequestHeader(name: string, value: string): void {
    this.sent[name] = value
  }

  getResponseHeader(name: string): string | null {
    return this.answered[name.toLowerCase()] ?? null
  }

  send(body?: unknown): void {
    this.body = body
  }

  abort(): void {
    this.aborted = true
    this.onabort?.()
  }

  // What the test does:

  answers(status = 200, headers: Record<string, string> = { 'content-type': 'text/event-stream' }): void {
    Object.assign(this, { status, readyState: 2, answered: headers })
    this.onreadystatechange?.()
  }

  brings(text: string): void {
    this.responseText += text
    this.readyState = 3
    this.onreadystatechange?.()
    this.onprogress?.()
  }

  ends(): void {
    this.readyState = 4
    this.onreadystatechange?.()
    this.onload?.()
  }

  breaks(): void {
    Object.assign(this, { readyState: 4, status: 0, responseText: '' })
    this.onreadystatechange?.()
    this.onerror?.()
  }
}
