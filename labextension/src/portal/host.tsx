/** The portal as the place where the parts stand: pages by their address, questions by the browser's own dialog. */

import type { DatasetDraft } from '../datasets/draft';
import type { Draft } from '../draft';
import type { Host, Place, Question } from '../host';
import { go } from './route';

type Note = (text: string, bad: boolean) => void;

export class PortalHost implements Host {
  /** What the form starts with when it is opened from here; an address cannot hold it. */
  draft: Partial<Draft> | undefined;
  /** The file whose details are to be shown first. */
  entry: string | undefined;

  /** The same of a new dataset, and the copy that was begun when one was made. */
  dataset: Partial<DatasetDraft> | undefined;
  copying: string | undefined;

  constructor(
    private readonly group: string,
    private readonly note: Note
  ) {}

  ask(question: Question): Promise<boolean> {
    return new Promise(resolve => {
      const dialog = document.createElement('dialog');
      dialog.className = 'clg-dialog';
      dialog.setAttribute('aria-label', question.title);
      const element = (tag: string, text: string, classes = '') => {
        const node = document.createElement(tag);
        node.textContent = text;
        node.className = classes;
        return node;
      };
      const buttons = element('div', '', 'clg-actions');
      const accept = element('button', question.accept, 'clg-button clg-danger');
      accept.dataset.testid = 'collegium-ask-accept';
      const keep = element('button', question.keep ?? 'Cancel', 'clg-button');
      accept.onclick = () => dialog.close('accept');
      keep.onclick = () => dialog.close('');
      buttons.append(accept, keep);
      dialog.append(element('h2', question.title), element('p', question.body), buttons);
      dialog.onclose = () => {
        dialog.remove();
        resolve(dialog.returnValue === 'accept');
      };
      document.body.append(dialog);
      dialog.showModal();
      keep.focus();
    });
  }

  tell(text: string): void {
    this.note(text, false);
  }

  fail(text: string): void {
    this.note(text, true);
  }

  open(place: Place): void {
    const { group } = this;
    switch (place.what) {
      case 'job':
        return go({ page: 'group', group: place.group, tab: 'jobs', id: place.id, part: place.tab });
      case 'new-job':
        this.draft = place.draft;
        return go({ page: 'group', group, tab: 'new-job' });
      case 'schedule':
        return go({ page: 'group', group: place.group, tab: 'schedules', id: place.id });
      case 'edit-schedule':
        return go({ page: 'group', group: place.group, tab: 'schedules', id: place.id, part: 'edit' });
      case 'sweep':
        return go({ page: 'group', group: place.group, tab: 'sweeps', id: place.id });
      case 'dataset':
        this.copying = place.copying;
        return go({ page: 'group', group: place.group, tab: 'datasets', id: place.name, part: place.tab });
      case 'new-dataset':
        this.dataset = place.draft;
        return go({ page: 'group', group: place.group ?? group, tab: 'new-dataset' });
      case 'files':
        this.entry = place.entry;
        return go({ page: 'group', group: place.group, tab: 'files', id: place.path });
      default:
        return go({ page: 'group', group: place.group, tab: place.what });
    }
  }
}
