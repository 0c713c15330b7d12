/** A private message. `n` counts what its reader was ever sent. */
export interface Letter {
  readonly n: number
  readonly room: string
  readonly from: string
  readonly to: string
  readonly text: string
  readonly at: number
}

/** What one person was sent and has not confirmed: it waits here however often the line breaks. */
export interface Mailbox {
  readonly newest: number
  readonly full: boolean
  add(letter: Omit<Letter, 'n'>): Letter
  /** The reader has everything up to this number. */
  confirmed(upTo: number): void
  waiting(): readonly Letter[]
}

const most = 100

export function createMailbox(): Mailbox {
  let letters: Letter[] = []
  let newest = 0

  return {
    get newest() {
      return newest
    },
    get full() {
      return letters.length >= most
    },
    add(letter) {
      const numbered = { ...letter, n: ++newest }
      letters.push(numbered)
      return numbered
    },
    confirmed(upTo) {
      letters = letters.filter(({ n }) => n > upTo)
    },
    waiting: () => letters,
  }
}
