// jsdom comes without types; this is what the tests use of it.
declare module 'jsdom' {
  export class VirtualConsole {}

  export class JSDOM {
    constructor(
      html: string,
      options: {
        url: string
        runScripts?: 'dangerously'
        resources?: 'usable'
        virtualConsole?: VirtualConsole
        beforeParse?: (window: Window) => void
      },
    )
    readonly window: Window & typeof globalThis
  }
}
