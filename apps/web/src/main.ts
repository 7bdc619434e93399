/** The page: its buttons, what they do to the comparison, and when which part is drawn anew. */
import '@fontsource-variable/source-serif-4/wght.css';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { App } from './app.ts';

void new App().open();
