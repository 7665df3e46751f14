import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry, Notification, ToolbarButton } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import { messageOf } from './client';
import { DRIVE, placeOf } from './drive/paths';
import { notebookDraft, type Draft } from './draft';
import { collegiumIcon } from './icons';
import { parametersCell } from './parameters';
import { CommandIDs } from './tokens';

/** Notebook widgets by what we need of them; the notebook package itself is not needed for that. */
type NotebookWidget = Widget & { context: DocumentRegistry.Context };

/** “Run as job” on notebooks: toolbar, file browser, palette-free command for others. */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: '@collegium/lab:notebook',
  description: 'Runs a notebook as a job, with a form made from its parameters cell.',
  autoStart: true,
  requires: [IDocumentManager],
  optional: [IToolbarWidgetRegistry, IFileBrowserFactory],
  activate: (
    app: JupyterFrontEnd,
    documents: IDocumentManager,
    toolbar: IToolbarWidgetRegistry | null,
    browsers: IFileBrowserFactory | null
  ): void => {
    const { commands } = app;
    commands.addCommand(CommandIDs.runNotebook, {
      label: 'Run Notebook as Job',
      icon: collegiumIcon,
      describedBy: {
        args: {
          type: 'object',
          required: ['path'],
          properties: {
            path: { type: 'string', description: 'Path of the notebook below the file browser’s root.' }
          }
        }
      },
      execute: args => openForm(app, documents, String(args.path))
    });
    commands.addCommand(CommandIDs.runNotebookFile, {
      label: 'Run as Job',
      caption: 'Run this notebook as a job of the group',
      icon: collegiumIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      isVisible: () => selectedNotebook(browsers) !== null,
      execute: async () => {
        const item = selectedNotebook(browsers);
        if (item) {
          await openForm(app, documents, item.path);
        }
      }
    });
    commands.addCommand(CommandIDs.scheduleNotebookFile, {
      label: 'Run on a Schedule',
      caption: 'Make a schedule of the group that runs this notebook',
      icon: collegiumIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      isVisible: () => selectedNotebook(browsers) !== null,
      execute: async () => {
        const item = selectedNotebook(browsers);
        if (item) {
          await openForm(app, documents, item.path, 'schedule');
        }
      }
    });
    // The schema puts it into the notebook's toolbar, where users can move or hide it.
    toolbar?.addFactory<NotebookWidget>('Notebook', 'collegium-run-as-job', panel => {
      const button = new ToolbarButton({
        icon: collegiumIcon,
        label: 'Run as job',
        tooltip: 'Run this notebook as a job of the group',
        onClick: () => void commands.execute(CommandIDs.runNotebook, { path: panel.context.path })
      });
      button.addClass('clg-toolbar-button');
      button.node.dataset.testid = 'collegium-run-as-job';
      return button;
    });
  }
};

function selectedNotebook(browsers: IFileBrowserFactory | null): Contents.IModel | null {
  const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
  return items.length === 1 && items[0].type === 'notebook' ? items[0] : null;
}

async function openForm(
  app: JupyterFrontEnd,
  documents: IDocumentManager,
  path: string,
  when: Draft['when'] = 'once'
): Promise<void> {
  try {
    const { contents } = app.serviceManager;
    const local = contents.localPath(path);
    if (contents.driveName(path) === DRIVE) {
      throw new Error(
        'it lies in shared files, and jobs run notebooks of your home folder. Copy it there, or submit a ' +
          `command that runs "$COLLEGIUM_PROJECT/${placeOf(local).path}".`
      );
    }
    const content = await savedNotebook(app, documents, path);
    await app.commands.execute(CommandIDs.newJob, {
      draft: { ...draftOf(local, content), when } as unknown as ReadonlyPartialJSONObject
    });
  } catch (error) {
    Notification.error(`Cannot run “${path}” as a job: ${messageOf(error)}`, { autoClose: false });
  }
}

/** What stands in the file: the job copies files, so what is only in the page must be saved first. */
async function savedNotebook(
  app: JupyterFrontEnd,
  documents: IDocumentManager,
  path: string
): Promise<unknown> {
  const open = documents.findWidget(path);
  if (open) {
    await open.context.ready;
    if (open.context.model.dirty) {
      await open.context.save();
    }
    return open.context.model.toJSON();
  }
  return (await app.serviceManager.contents.get(path, { type: 'notebook', content: true })).content;
}

function draftOf(path: string, content: unknown): Draft {
  return notebookDraft(path, parametersCell((content ?? {}) as { cells?: unknown }));
}
