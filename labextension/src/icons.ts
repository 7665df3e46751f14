import { LabIcon } from '@jupyterlab/ui-components';

import type { JobState } from './api';

const svg = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${body}</svg>`;

/** Three people under one roof: the group is what everything here hangs on. */
export const collegiumIcon = new LabIcon({
  name: 'collegium:icon',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161"><path d="M8 0.8 15 4.6v1.3H1V4.6z"/>' +
      '<circle cx="8" cy="8.3" r="1.6"/><path d="M5.2 14.6v-1.5a2.8 2.8 0 0 1 5.6 0v1.5z"/>' +
      '<circle cx="3.2" cy="8.9" r="1.2"/><path d="M1 14.6v-2.2a2.2 2.2 0 0 1 3.6-1.7 3.8 3.8 0 0 0-.4 1.7v2.2z"/>' +
      '<circle cx="12.8" cy="8.9" r="1.2"/><path d="M15 14.6v-2.2a2.2 2.2 0 0 0-3.6-1.7 3.8 3.8 0 0 1 .4 1.7v2.2z"/></g>'
  )
});

/** Shapes differ, not only colours. */
const SHAPES: Record<JobState, string> = {
  Pending: '<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.5"/>',
  Preparing: '<circle cx="8" cy="8" r="6" stroke-dasharray="3 2.6"/>',
  Running: '<circle cx="8" cy="8" r="6"/><path d="M6.5 5.3v5.4L11 8z" fill="currentColor"/>',
  Succeeded: '<circle cx="8" cy="8" r="6"/><path d="M5 8.2l2.1 2.1L11 6"/>',
  Failed: '<circle cx="8" cy="8" r="6"/><path d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6"/>',
  Cancelled: '<circle cx="8" cy="8" r="6"/><path d="M3.8 12.2l8.4-8.4"/>'
};

export const stateIcons = Object.fromEntries(
  Object.entries(SHAPES).map(([state, body]) => [
    state,
    new LabIcon({
      name: `collegium:state-${state.toLowerCase()}`,
      svgstr: svg(`<g fill="none" stroke="currentColor" stroke-width="1.5">${body}</g>`)
    })
  ])
) as Record<JobState, LabIcon>;
