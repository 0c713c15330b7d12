/**
 * Whether a client reads gzip, by its `Accept-Encoding`: "If the representation's content coding is one of the content codings listed in the Accept-Encoding
 * field value, then it is acceptable unless it is accompanied by a qvalue of 0"; "*" is any that is not listed (RFC 9110, 12.5.3). Without
 * the header it may or may not: it is asked nothing.
 */
export function takesGzip(accepted: string | string[] | undefined): boolean {
  const listed = new Map(`${accepted ?? ''}`.split(',').map(weighed))
  return (listed.get('gzip') ?? listed.get('x-gzip') ?? listed.get('*') ?? 0) > 0
}

/** What says no number weighs nothing. */
function weighed(text: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = text.toLowerCase().split(';')
  const weight = parameters.map(each => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/.exec(each)?.[1]).at(0)
  return [coding.trim(), parameters.length === 0 ? 1 : Number(weight ?? 0)]
}
