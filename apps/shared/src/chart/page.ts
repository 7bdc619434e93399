import { escaped } from './html.ts';
import { COLOURS, STROKES } from './style.ts';

const STYLE = `
${COLOURS}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 76rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
p { max-width: 46rem; margin: .5rem 0; }
.faint, figcaption p { color: var(--faint); }
figcaption p { margin: .15rem 0 .5rem; font-size: .9rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 2rem 2.5rem; align-items: start; }
figure { margin: 0; min-width: 0; }
.wide { grid-column: 1 / -1; min-width: 0; }
figure svg[role=img] { display: block; width: 100%; height: auto; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem 2rem; max-width: 60rem; }
${STROKES}
.legend { list-style: none; margin: .5rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .15rem 1.25rem; font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: .5rem; }
.legend svg { flex: none; width: 2.75rem; height: .75rem; }
.scroll { overflow-x: auto; }
details .scroll { max-height: 32rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; vertical-align: bottom; border-bottom: 1px solid var(--rule); }
th:first-child { text-align: left; }
td { white-space: nowrap; }
thead th { min-width: 5rem; max-width: 11rem; }
tbody th { font-weight: normal; min-width: 8.5rem; }
summary { cursor: pointer; color: var(--faint); font-size: .9rem; padding: .25rem 0; }
pre { margin: .25rem 0 1.25rem; padding: .75rem 1rem; background: var(--panel); border-radius: .35rem; font: .95rem/1.5 Georgia, serif; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: .9em; overflow-wrap: anywhere; }
a { color: var(--hue0); }
ul { max-width: 46rem; margin: .5rem 0; padding-left: 1.25rem; }
.verdict { font-weight: 600; white-space: nowrap; }
.overview { max-width: none; list-style: none; padding: 0; }
.overview li { display: grid; grid-template-columns: 6rem 12.5rem 1fr; gap: 0 1rem; padding: .35rem 0; border-bottom: 1px solid var(--rule); }
@media (max-width: 45rem) { .overview li { grid-template-columns: 6rem 1fr; } .overview li > :last-child { grid-column: 1 / -1; } }
`;

export interface Section {
  readonly heading: string;
  /** What a link to it names. */
  readonly id?: string;
  /** HTML, whose texts are escaped. */
  readonly body: string;
}

/** A self-contained page: it has no script, and its own policy forbids every request. */
export const page = (title: string, introduction: string, sections: readonly Section[]): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${introduction}
${sections.map(({ heading, id, body }) => `<section${id === undefined ? '' : ` id="${escaped(id)}"`}>\n<h2>${escaped(heading)}</h2>\n${body}\n</section>`).join('\n')}
</main>
</body>
</html>
`;
