/** What a script tag brings as `Throughline`: where nothing can be imported, all that a page may want of one server is there. */
export { type Diagnosis, diagnose } from './diagnose.ts'
export * from './index.ts'
export { events, type StreamOptions } from './iterate.ts'
export { asText, type Explained, explain } from './report.ts'
