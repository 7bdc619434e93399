/**
 * `npm run native:suite -w @tfjs-lrm/native [-- --grep=TEXT]`: the tests of tfjs-core and tfjs-node, as npm
 * ships them compiled, on the linked backend. Fails when one fails that `expected.json` does not explain, or
 * when fewer fail than it says.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { info } from '@tfjs-lrm/native';

const require = createRequire(import.meta.url);
const expected = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8'));
const Jasmine = require('jasmine');
const esbuild = require('esbuild');
const { Module } = require('node:module');

/** tfjs-core's tests are modules whose imports lack extensions: they become CommonJS as they are loaded. */
const load = Module._extensions['.js'];
Module._extensions['.js'] = (module, path) => {
  if (!/tfjs-core[/\\]dist[/\\](?!tf-core)/.test(path)) return load(module, path);
  const { code } = esbuild.transformSync(readFileSync(path, 'utf8'), { format: 'cjs' });
  module._compile(code, path);
};

const failed = [];
let passed = 0;
let skipped = 0;

/** tfjs-node's own runner names its sources; npm has them compiled. */
const { loadConfig } = Jasmine.prototype;
Jasmine.prototype.loadConfig = function (config) {
  loadConfig.call(this, { ...config, spec_files: ['dist/*_test.js', 'dist/*/*_test.js'] });
  this.clearReporters();
  this.exitOnCompletion = false;
  this.addReporter({
    specDone({ fullName, status, failedExpectations }) {
      if (status === 'passed') passed++;
      else if (status === 'failed')
        failed.push({ fullName, why: `${failedExpectations[0]?.message}` });
      else skipped++;
    },
    jasmineDone: report,
  });
};

/** What expected.json says of a failure. */
const explain = ({ fullName, why }) =>
  expected.find(({ tests, error }) => fullName.startsWith(tests) && why.includes(error));

function report() {
  const unexplained = failed.filter((each) => explain(each) === undefined);
  console.log(
    `TensorFlow ${info().tensorflow}, Node ${process.version}: ${passed} passed, ${skipped} skipped ` +
      `(tfjs-node's own ignore list), ${failed.length} failed, ${unexplained.length} of them unexplained`,
  );
  const isWhole = process.argv.every((argument) => !argument.startsWith('--grep'));
  let isAsExpected = unexplained.length === 0;
  for (const each of expected) {
    const count = failed.filter((failure) => explain(failure) === each).length;
    console.log(`${count} of ${each.count} expected failures "${each.tests}…": ${each.why}`);
    if (isWhole && count !== each.count) isAsExpected = false;
  }
  for (const { fullName, why } of unexplained) console.log(`FAIL ${fullName}\n     ${why}`);
  process.exit(isAsExpected ? 0 : 1);
}

// The runner looks for its tests in the current folder.
const manifest = require.resolve(`${info().package}/package.json`);
process.chdir(new URL('.', `file://${manifest}`).pathname);
require(`${info().package}/dist/run_tests.js`);
