/** The compilers and resolutions of users: their projects must type-check under each. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.js';
import { typeCheck } from './consumer.js';

const COMPILERS = ['5.9.3', '6.0.3', '7.0.2'];
const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];

/** Returns the problem, or null, of each combination by its name. */
export function typesMatrix(work, project, env) {
  const folder = join(work, 'compilers');
  mkdirSync(folder);
  const dependencies = Object.fromEntries(
    COMPILERS.map((version) => [`typescript-${version}`, `npm:typescript@${version}`]),
  );
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  run('npm', ['install'], { cwd: folder, env });
  return COMPILERS.flatMap((version) =>
    RESOLUTIONS.map((resolution) => {
      const name = `TypeScript ${version}, ${resolution.moduleResolution}`;
      const compiler = join(folder, 'node_modules', `typescript-${version}`);
      try {
        typeCheck(project, { compiler, ...resolution });
        return [name, null];
      } catch (error) {
        return [name, error];
      }
    }),
  );
}
