import { LabIcon } from '@jupyterlab/ui-components';

/** Three people under one roof: the group is what everything here hangs on. */
export const collegiumIcon = new LabIcon({
  name: 'collegium:icon',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">' +
    '<g class="jp-icon3" fill="#616161"><path d="M8 0.8 15 4.6v1.3H1V4.6z"/>' +
    '<circle cx="8" cy="8.3" r="1.6"/><path d="M5.2 14.6v-1.5a2.8 2.8 0 0 1 5.6 0v1.5z"/>' +
    '<circle cx="3.2" cy="8.9" r="1.2"/><path d="M1 14.6v-2.2a2.2 2.2 0 0 1 3.6-1.7 3.8 3.8 0 0 0-.4 1.7v2.2z"/>' +
    '<circle cx="12.8" cy="8.9" r="1.2"/><path d="M15 14.6v-2.2a2.2 2.2 0 0 0-3.6-1.7 3.8 3.8 0 0 1 .4 1.7v2.2z"/></g></svg>'
});
