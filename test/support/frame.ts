import http from 'node:http'
import type { JSDOM } from 'jsdom'

/**
 * Frames that read their page as it comes, which those of jsdom do not: each `say(…)` is handed to the page around it, from the frame and
 * its origin, as a browser does it. Their `load` comes with the end of the response, whatever it was.
 */
export function streamFrames({ document, MessageEvent, MutationObserver, dispatchEvent }: JSDOM['window']) {
  const requests = new Map<unknown, http.ClientRequest>()
  holdFrames(document)
  const observer = new MutationObserver(records => {
    for (const { addedNodes, removedNodes } of records) {
      for (const node of addedNodes) if (isFrame(node)) requests.set(node, load(node))
      for (const node of removedNodes) requests.get(node)?.destroy()
    }
  })
  observer.observe(document, { childList: true, subtree: true })

  function load(frame: HTMLIFrameElement): http.ClientRequest {
    const { origin } = new URL(frame.src)
    let held = ''
    const request = http.get(frame.src, { agent: false }, response => {
      response.setEncoding('utf8')
      response.on('error', () => {})
      response.on('data', chunk => {
        const scripts = (held + chunk).split('</script>')
        held = scripts.pop() ?? ''
        for (const script of scripts) {
          const [, literal] = /say\((.*)\)$/s.exec(script) ?? []
          if (literal === undefined) continue
          const event = new MessageEvent('message', { data: JSON.parse(literal), origin })
          Object.defineProperty(event, 'source', { value: frame.contentWindow })
          dispatchEvent(event)
        }
      })
    })
    request.on('error', () => {})
    request.on('close', () => frame.onload?.(new Event('load')))
    return request
  }
}

/** Keeps jsdom from loading frames, and from saying that it has. */
export function holdFrames(document: Document): void {
  const create = document.createElement.bind(document)
  document.createElement = (name: string) => {
    const element = create(name)
    for (const property of ['src', 'onload']) Object.defineProperty(element, property, { writable: true })
    return element
  }
}

function isFrame(node: Node): node is HTMLIFrameElement {
  return node.nodeName === 'IFRAME'
}
