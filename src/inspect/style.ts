/** Colours are those of the page's colour scheme, but for four that stand out against light and dark alike. */
export const style = `
:host {
  color-scheme: light dark;
  display: block;
  font: 13px/1.45 system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
  --good: #1f9254;
  --wait: #b7791f;
  --bad: #e5484d;
  --line: #3b82f6;
}
:host([hidden]) { display: none }
* { box-sizing: border-box }
[hidden] { display: none !important }
section { background: Canvas; color: CanvasText; border: 1px solid; border-radius: 6px; overflow: hidden }
summary { display: flex; flex-wrap: wrap; gap: 0 .75em; align-items: baseline; padding: .5em .75em; cursor: pointer }
summary::before { content: '▸'; inline-size: .8em }
details[open] > summary::before { content: '▾' }
:focus-visible { outline: 2px solid var(--line); outline-offset: -2px }
.state { min-inline-size: 6.5em }
.state::before { content: ''; display: inline-block; inline-size: .7em; block-size: .7em; border-radius: 50%; margin-inline-end: .4em; background: var(--wait) }
[data-state=open]::before { background: var(--good) }
[data-state=closed]::before, [data-state=offline]::before { background: var(--bad) }
.address { flex: 1 1 8em; min-inline-size: 0; overflow-wrap: anywhere; opacity: .8 }
.body { display: grid; gap: .75em; padding: .25em .75em .75em }
label { display: flex; gap: .5em; align-items: center }
select { flex: 1; min-inline-size: 0 }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8em, 1fr)); gap: .5em; margin: 0 }
dl > div { border: 1px solid color-mix(in srgb, CanvasText 25%, Canvas); border-radius: 4px; padding: .3em .5em; min-block-size: 4em }
dt { opacity: .8 }
dd { margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
dd:first-of-type { font-size: 1.35em }
.wide { grid-column: span 2 }
.spark { display: block; inline-size: 100%; block-size: 1.8em; color: var(--line) }
.error { margin: 0; min-block-size: 1.45em; overflow-wrap: anywhere }
a { color: inherit }
table { inline-size: 100%; border-collapse: collapse; table-layout: fixed }
caption { text-align: start; font-weight: 600; padding-block: .25em }
th, td { text-align: start; vertical-align: top; padding: .15em .5em .15em 0; font-weight: 400; overflow-wrap: anywhere }
thead th { opacity: .8 }
.name { inline-size: 8em }
.began { inline-size: 6em; white-space: nowrap }
.bars { inline-size: 30% }
.count { inline-size: 7em; text-align: end; padding-inline-end: 1.5em }
.bar { display: block; inline-size: 100%; block-size: 1.1em; margin-block: .15em }
.bar rect { fill: var(--wait) }
.bar .accepted { fill: var(--line) }
.bar .proven { fill: var(--good) }
[data-ended=asked] .asked, [data-ended=accepted] .accepted { fill: var(--bad) }
[data-state=left] .bar { opacity: .6 }
.foot { display: flex; flex-wrap: wrap; gap: .5em; align-items: center }
button { font: inherit }
textarea { inline-size: 100%; block-size: 8em; font: 11px/1.4 ui-monospace, monospace }
@media (max-width: 480px) {
  .attempts, .attempts tbody { display: block }
  .attempts thead { position: absolute; clip-path: inset(50%); inline-size: 1px; block-size: 1px; overflow: hidden }
  .attempts tr { display: grid; grid-template-columns: 8em 6em 1fr; padding-block: .25em }
  .attempts .bars { inline-size: auto }
  .attempts td:last-child { grid-column: span 3 }
}
`
