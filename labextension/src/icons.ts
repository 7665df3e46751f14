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

/** A folder with a person in it: files that belong to a group. */
export const sharedFilesIcon = new LabIcon({
  name: 'collegium:shared-files',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">' +
    '<path class="jp-icon3" fill="#616161" fill-rule="evenodd" d="M1.5 2.8h4.9l1.5 1.7h6.6v9h-13z' +
    'M8 6.1a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2zM4.9 12.4h6.2v-.6a2 2 0 0 0-2-2H6.9a2 2 0 0 0-2 2z"/></svg>'
});
