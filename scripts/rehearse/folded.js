/** A folded model needs tfjs alone: one project folds a MobileNetV2, another one has only tfjs and loads it. */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.js';
import { TFJS } from './consumer.js';

/** Installs packages into a new project with the scripts, runs one of them and returns what it printed. */
function inProject(work, dependencies, script, { env, data }) {
  const folder = join(work, `folded-${script}`);
  mkdirSync(folder);
  cpSync(join(import.meta.dirname, 'folded'), folder, { recursive: true });
  const manifest = { type: 'module', private: true, dependencies };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  run('npm', ['install'], { cwd: folder, env });
  const said = run('node', [join(folder, `${script}.js`), data], { cwd: folder }).trim();
  return { folder, said };
}

/** @param multipliers the package, as `findPackages` gives it */
export function foldedElsewhere(work, multipliers, env) {
  const data = join(work, 'folded');
  mkdirSync(data);
  const tfjs = { '@tensorflow/tfjs': TFJS };
  const { nsfwjs } = multipliers.manifest.devDependencies;
  const ours = { [multipliers.name]: 'latest', '@tfjs-lrm/loading': 'latest' };
  const saved = inProject(work, { ...tfjs, ...ours, nsfwjs }, 'save', { env, data });
  const { folder, said } = inProject(work, tfjs, 'compare', { env, data });
  const scopes = readdirSync(join(folder, 'node_modules'));
  if (scopes.includes('@tfjs-lrm'))
    throw new Error('the project with tfjs alone has more than that');
  return `${saved.said}; where there is only tfjs: ${said}`;
}
