/** Machines at one bridge, each a network namespace with an address of its own: on Linux, as root. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

const NAME = `lrm${process.pid}`;
const hub = `${NAME}h`;
const space = (i) => `${NAME}n${i}`;
/** The files of a namespace that take the place of those in /etc. */
const filesOf = (i) => `/etc/netns/${space(i)}`;
const ip = (...args) => execFileSync('ip', args);

export const addressOf = (i) => `10.77.0.${i + 1}`;

/** The command, and the arguments before it, that run a program on machine i. */
export const on = (i) => ['ip', ['netns', 'exec', space(i)]];

/** Sets the link of machine i 'up' or 'down'. */
export const setLink = (i, state) => ip('-n', hub, 'link', 'set', `port${i}`, state);

/** @param names the name of each machine, which all of them know */
export function build(names) {
  ip('netns', 'add', hub);
  ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
  ip('-n', hub, 'link', 'set', 'bridge', 'up');
  const hosts = ['127.0.0.1 localhost', ...names.map((name, i) => `${addressOf(i)} ${name}`), ''];
  for (const i of names.keys()) {
    ip('netns', 'add', space(i));
    const peer = ['peer', 'name', 'eth', 'netns', space(i)];
    ip('-n', hub, 'link', 'add', `port${i}`, 'type', 'veth', ...peer);
    ip('-n', hub, 'link', 'set', `port${i}`, 'master', 'bridge', 'up');
    ip('-n', space(i), 'address', 'add', `${addressOf(i)}/24`, 'dev', 'eth');
    ip('-n', space(i), 'link', 'set', 'eth', 'up');
    ip('-n', space(i), 'link', 'set', 'lo', 'up');
    mkdirSync(filesOf(i), { recursive: true });
    writeFileSync(`${filesOf(i)}/hosts`, hosts.join('\n'));
  }
}

export function remove(names) {
  for (const i of names.keys()) rmSync(filesOf(i), { recursive: true, force: true });
  for (const name of [hub, ...[...names.keys()].map(space)]) {
    try {
      ip('netns', 'delete', name);
    } catch {} // It was not made.
  }
}
