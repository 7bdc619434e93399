/** Property tests draw the same cases in every run, so that a change is judged by its own failures. */
import fc from 'fast-check';

const seed = Number(process.env['FAST_CHECK_SEED'] ?? 1);
fc.configureGlobal({ seed });
