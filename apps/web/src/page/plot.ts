/** What all charts have in common: their look, their size, and what is said about them in words. */
import uPlot from 'uplot';
import { make } from './elements.ts';
import { repaint } from './painter.ts';

type Colour = 'ink' | 'faint' | 'grid' | 'without' | 'with' | 'band' | 'paper';

const colours = new Map<Colour, string>();

/** A colour of the page in its present theme. */
export function colour(name: Colour): string {
  let value = colours.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    colours.set(name, value);
  }
  return value;
}

const plots = new Set<uPlot>();

// Drawn from scratch: bars keep the colour that they were built with.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours.clear();
  for (const plot of plots) plot.redraw();
});

/** The lines of both models: dashed without multipliers, solid with them. */
export const LINES = [
  { stroke: () => colour('without'), width: 2, dash: [7, 4] },
  { stroke: () => colour('with'), width: 2 },
] as const;

/** An axis that is quiet. */
export const axis = (more: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: () => colour('faint'),
  grid: { stroke: () => colour('grid'), width: 1 },
  ticks: { show: false },
  font: '12px system-ui, sans-serif',
  ...more,
});

export interface Plot {
  readonly figure: HTMLElement;
  readonly caption: HTMLElement;
  /** Draws new data, and says in words what they show. */
  readonly update: (data: uPlot.AlignedData, words: string) => void;
}

/**
 * A chart that fills the width of its figure.
 *
 * @param height in pixels
 */
export function makePlot(
  figure: HTMLElement,
  caption: Node | string,
  height: number,
  options: Omit<uPlot.Options, 'width' | 'height'>,
): Plot {
  const place = make('div', { class: 'plot', role: 'img', 'aria-label': 'Nothing yet' });
  const figcaption = make('figcaption', {}, caption);
  figure.append(figcaption, place);
  let plot: uPlot | null = null;
  const width = (): number => Math.max(80, Math.floor(figure.clientWidth));
  new ResizeObserver(() => {
    if (plot !== null && plot.width !== width())
      repaint(`size ${options.title ?? options.id}`, () =>
        plot?.setSize({ width: width(), height }),
      );
  }).observe(figure);
  return {
    figure,
    caption: figcaption,
    update(data, words) {
      place.setAttribute('aria-label', words);
      if (plot === null) {
        plot = new uPlot(
          {
            ...options,
            width: width(),
            height,
            legend: { show: false },
            cursor: { show: false },
          },
          data,
          place,
        );
        plots.add(plot);
      } else plot.setData(data);
    },
  };
}
