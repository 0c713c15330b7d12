import { jsonp } from '../../src/transports/jsonp.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'

const harness: Harness = {
  transport: jsonp,
  parts: page => {
    // A script that a script inserts is asynchronous (WHATWG HTML, "force async"); jsdom runs it in its turn.
    const { document } = page
    Object.defineProperty(document, 'readyState', { value: 'complete' })
    const create = document.createElement.bind(document)
    document.createElement = (name: string) => {
      const element = create(name)
      element.setAttribute('async', '')
      return element
    }
    return { document }
  },
  // A script tag shows nothing before it runs.
  acceptsFirst: false,
  showsCuts: true,
  // A script that is on its way is not run any more, but neither is it called off.
  aborts: false,
  answersSends: true,
  left: page =>
    page.document.scripts.length + Object.keys(page).filter(name => name.startsWith('_rt')).length,
}

transportContract(harness)
topicsContract(harness)
