/**
 * No file of the workspace imports itself by way of others; types count too, since a circle of types is a circle of
 * ideas. `@tfjs-lrm/NAME` is the index of that package.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './workspace.js';

const folders = ['packages', 'apps'].flatMap((folder) =>
  readdirSync(join(root, folder)).map((name) => join(root, folder, name)),
);
const sources = [...folders, join(root, 'benchmarks'), join(root, 'scripts')]
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => /\.(ts|js)$/.test(path) && !/\/(node_modules|dist)\//.test(path));

const packageIndex = (name) => join(root, 'packages', name, 'src', 'index.ts');

/** The files of the workspace that a file imports, re-exports or loads later. */
function importsOf(path) {
  const code = readFileSync(path, 'utf8').replace(/^\s*(\/?\*|\/\/).*$/gm, '');
  return [...code.matchAll(/(?:\bfrom|\bimport)[\s(]*'([^']+)'/g)].flatMap(([, from]) => {
    const [, name] = from.match(/^@tfjs-lrm\/([\w-]+)$/) ?? [];
    const target = name === undefined ? join(dirname(path), from) : packageIndex(name);
    return (from.startsWith('.') || name !== undefined) && existsSync(target) ? [target] : [];
  });
}

/** The strongly connected components with more than one file, or one that imports itself (Tarjan, 1972). */
function circlesOf(graph) {
  const [order, low, stack, circles] = [new Map(), new Map(), [], []];
  const visit = (path) => {
    order.set(path, order.size);
    low.set(path, order.get(path));
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path), low.get(next)));
    }
    if (low.get(path) !== order.get(path)) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1 || graph.get(path)?.includes(path)) circles.push(circle);
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return circles;
}

const graph = new Map(sources.map((path) => [path, importsOf(path)]));
const circles = circlesOf(graph).map((circle) =>
  circle
    .map((path) => relative(root, path))
    .toSorted()
    .join(', '),
);
if (circles.length > 0) {
  console.error(`imports: a circle of ${circles.join('\nimports: a circle of ')}`);
  console.error('Put what they share into a file of its own that imports neither.');
  process.exit(1);
}
console.log(`${sources.length} files, none of which imports itself by way of others`);
