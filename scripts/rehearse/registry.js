/** A registry on loopback that holds our packages alone and passes everything else on to npm's. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../run.js';
import { root } from '../workspace.js';

const TRIES = 240;

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** `env` makes npm use the registry, with a cache and a configuration of its own; `stop` ends it. */
export async function startRegistry(work) {
  const upstream = run('npm', ['config', 'get', 'registry'], { cwd: root }).trim();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const config = {
    storage: join(work, 'storage'),
    auth: { htpasswd: { file: join(work, 'htpasswd') } },
    uplinks: { upstream: { url: upstream, max_fails: 10, timeout: '120s' } },
    packages: {
      '@tfjs-lrm/*': { access: '$all', publish: '$anonymous' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '200mb',
    log: { type: 'file', path: join(work, 'registry.log'), level: 'warn' },
  };
  const configFile = join(work, 'registry.json');
  writeFileSync(configFile, JSON.stringify(config));
  const userconfig = join(work, 'npmrc');
  writeFileSync(userconfig, `//127.0.0.1:${port}/:_authToken=rehearsal\n`);

  const server = spawn(
    process.execPath,
    [
      join(root, 'node_modules/verdaccio/bin/verdaccio'),
      '--config',
      configFile,
      '--listen',
      `127.0.0.1:${port}`,
    ],
    { cwd: work, stdio: 'ignore' },
  );
  const stop = () => server.kill('SIGKILL');
  for (let tries = 0; ; tries++) {
    if (server.exitCode !== null) throw new Error(`the registry ended: code ${server.exitCode}`);
    const answer = await fetch(`${url}-/ping`).catch(() => null);
    if (answer?.ok) break;
    if (tries === TRIES) {
      stop();
      throw new Error(`the registry at ${url} does not answer`);
    }
    await sleep(250);
  }
  return {
    url,
    upstream,
    stop,
    env: {
      npm_config_registry: url,
      npm_config_userconfig: userconfig,
      npm_config_cache: join(work, 'cache'),
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_loglevel: 'error',
      npm_config_ignore_scripts: 'true',
    },
  };
}
