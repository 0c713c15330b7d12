import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The program was called wrongly: told in words, with exit code 2. */
export class UsageError extends Error {}

/** One subcommand. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string
  /** Gives the exit code. What it throws is told in one line: a `UsageError` with 2, all else with 1. */
  run(args: string[]): Promise<number>
}

type Options = NonNullable<ParseArgsConfig['options']>

/** What stands in the place of `<name>`s: the first so many have to be there. */
interface Positionals {
  readonly names: readonly string[]
  readonly least: number
}

type Parsed<Given extends Options> = ReturnType<
  typeof parseArgs<{ options: Given; allowPositionals: true; strict: true }>
>

/** Reads the arguments, and says in words what is wrong with them. */
export function readArguments<const Given extends Options>(
  args: string[],
  options: Given,
  { names, least }: Positionals,
): Parsed<Given> {
  const parsed = parse(args, options)
  const { positionals } = parsed
  const missing = names[positionals.length]
  if (positionals.length < least && missing !== undefined) throw new UsageError(`<${missing}> is missing`)
  const most = names.at(-1)?.endsWith('…') ? Number.POSITIVE_INFINITY : names.length
  if (positionals.length > most)
    throw new UsageError(`'${positionals[most]}' is too much; put quotes around what has spaces in it`)
  return parsed
}

function parse<const Given extends Options>(args: string[], options: Given): Parsed<Given> {
  try {
    return parseArgs({ args: withValues(args, options), options, allowPositionals: true, strict: true })
  } catch (error) {
    const [said = ''] = error instanceof Error ? error.message.split(/\. |\n/) : []
    const known = Object.keys(options).map(name => `--${name}`)
    const hint = said.startsWith('Unknown option')
      ? `; there are ${known.join(', ')}, and what is no option and begins with - goes behind --`
      : ''
    throw new UsageError(said + hint)
  }
}

/** Joins each option with its value by =, so that a value may begin with -, as one in 64 ids and secrets does. The name of an option is never a value. */
function withValues(args: readonly string[], options: Options): string[] {
  const isOption = (text: string) => Object.hasOwn(options, /^--([^=]*)/.exec(text)?.[1] ?? '')
  const joined: string[] = []
  for (let at = 0; at < args.length; at += 1) {
    const [arg = '', value] = args.slice(at, at + 2)
    if (arg === '--') return [...joined, ...args.slice(at)]
    const takes = arg.startsWith('--') && options[arg.slice(2)]?.type === 'string'
    if (takes && value?.startsWith('-') && value !== '--' && !isOption(value)) {
      joined.push(`${arg}=${value}`)
      at += 1
    } else joined.push(arg)
  }
  return joined
}

/** An address of HTTP. */
export function readUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new UsageError(
    `${name} is '${text}'; it has to be a whole address such as http://127.0.0.1:8081/live?topic=x`,
  )
}

/** A number of seconds, as ms. */
export function readSeconds(text: string, name: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds > 0 && seconds < 2 ** 31 / 1000) return seconds * 1000
  throw new UsageError(`${name} is '${text}'; it has to be a positive number of seconds`)
}
