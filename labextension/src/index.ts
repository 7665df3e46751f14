import { drivePlugin } from './drivePlugin';
import { notebookPlugin } from './notebookPlugin';
import { panelPlugin } from './panelPlugin';
import { sessionPlugin } from './sessionPlugin';

export * from './tokens';

export default [sessionPlugin, panelPlugin, notebookPlugin, drivePlugin];
