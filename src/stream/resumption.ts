import type { AnyURL } from '../here.ts'

/** What goes along with a request: names and values, as an object, as pairs, or as `Headers`. A value that is `undefined` is left out. */
export type StreamHeaders = Record<string, string | undefined> | Iterable<readonly [string, string]>

/** Where an answer goes on: an address, or a request, such as a `Request`, that is a GET. */
export type Resumption = string | AnyURL | { readonly url: string; readonly headers?: StreamHeaders }
