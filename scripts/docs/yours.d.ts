/**
 * What examples of the docs name and leave to the reader, since it is of no interest there. A name that has a meaning only in its example belongs
 * into the example.
 */

// What an application does with what it hears.
declare function show(...what: unknown[]): void
declare function hide(...what: unknown[]): void
declare function draw(...what: unknown[]): void
declare function update(what: unknown): void
declare function ring(why: unknown): void
declare function reload(): void
declare function over(why?: string): void

// Whom it knows, and by what.
declare function token(): Promise<string>
declare function fetchToken(): Promise<string>
declare function ticket(): string
declare function login(): Promise<void>
declare function userOf(cookie: string | undefined): (string & { id: string }) | undefined
declare function isMember(user: string | undefined, topic: string): Promise<boolean>

// What it was asked, and what answers.
declare const question: string
declare function textOf(request: import('node:http').IncomingMessage): Promise<string>
declare function modelStream(prompt: string, signal: AbortSignal): AsyncIterable<string>

/** A line, as `connect()` gives it. */
declare const line: import('throughline').Line
/** A server of Node's. */
declare const server: import('node:http').Server
/** A server of Express or the like. */
declare const app: { post(path: string, handler: unknown): void }

/** A message of a chat. */
interface Chat {
  from?: string
  text: string
}

// What a script tag brings, and what other places than Node have.
declare const Throughline: typeof import('../../src/script-tag.ts')
declare const ThroughlineDropIn: typeof import('../../src/drop-in.ts')
declare const ThroughlineInspector: typeof import('../../src/inspector.ts')
declare const Bun: { serve(options: object): { port: number }; file(path: unknown): Blob }
declare const Deno: {
  serve(
    options: object,
    handler: (request: Request, info: { remoteAddr: { hostname: string; port: number } }) => unknown,
  ): unknown
  readTextFile(path: unknown): Promise<string>
  env: { get(name: string): string | undefined }
}

// Packages that this repository does not have, and what a bundler makes of files.
declare module 'express'
declare module 'cloudflare:workers'
declare module '*.html'
declare module '*.min.js'

// A module of the reader's own.
declare module '*/my-log.ts' {
  import type { Log } from 'throughline/server'
  export function myLog(options: { table: string }): Log & { close(): Promise<void> }
}
