/** The look of drawings, in a page and in a file of their own. */

/** The colours of light and of dark pages, as variables. */
export const COLOURS: string = `:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c1e21; --faint: #5c6370; --rule: #d5d9df; --grid: #e8ebef; --panel: #f6f7f9;
  --hue0: #0060a8; --hue1: #c14a00; --hue2: #00795a; --hue3: #a8327e; --hue4: #6b4fc8; --hue5: #7a6200; --hue6: #b3263a; --hue7: #44546a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e8eaed; --faint: #a3abb8; --rule: #3a414b; --grid: #272c34; --panel: #1d2127;
    --hue0: #5db3f5; --hue1: #ff9a55; --hue2: #3fcf9f; --hue3: #f08bcb; --hue4: #b3a0ff; --hue5: #dcc04e; --hue6: #ff8290; --hue7: #a9b8cc;
  }
}`;

/** The styles of the parts of a drawing. */
export const STROKES: string = `svg text { fill: var(--faint); font: 13px system-ui, sans-serif; }
svg text.label { fill: var(--ink); }
.grid { stroke: var(--grid); fill: none; }
.axis { stroke: var(--faint); fill: none; }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.mark { fill: currentColor; stroke: var(--paper); stroke-width: 1; }
.band { fill: currentColor; opacity: .18; }
.heat { fill: currentColor; stroke: var(--grid); }
.frame { fill: none; stroke: var(--ink); stroke-width: 2; }
svg text.strong { font-weight: 600; }
${Array.from({ length: 8 }, (_, i) => `.hue${i} { color: var(--hue${i}); }`).join(' ')}`;
