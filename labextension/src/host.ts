/** Where the parts stand: JupyterLab or the portal. They differ in how one is asked and told, and where things open. */

import type { ArtifactOut, JobOut } from './api';
import type { DatasetDraft } from './datasets/draft';
import type { Draft } from './draft';

export type JobTab = 'log' | 'metrics' | 'usage' | 'details' | 'history' | 'artifacts';

export type DatasetTab = 'data' | 'versions' | 'uses' | 'access' | 'information';

export type Place =
  | { what: 'job'; group: string; id: string; name: string; tab?: JobTab }
  | { what: 'new-job'; draft?: Partial<Draft> }
  | { what: 'schedule'; group: string; id: string; name: string }
  | { what: 'edit-schedule'; group: string; id: string; name: string }
  | { what: 'sweep'; group: string; id: string; name: string }
  | { what: 'dataset'; group: string; name: string; tab?: DatasetTab; copying?: string }
  | { what: 'new-dataset'; group?: string; draft?: Partial<DatasetDraft> }
  | { what: 'datasets'; group: string }
  | { what: 'queue'; group: string }
  | { what: 'jobs'; group: string }
  | { what: 'files'; group: string; path?: string; entry?: string };

export interface Question {
  title: string;
  body: string;
  /** What the button says that does it. */
  accept: string;
  /** What the button says that leaves things as they are. */
  keep?: string;
}

export interface Host {
  ask(question: Question): Promise<boolean>;
  tell(text: string): void;
  fail(text: string): void;
  open(place: Place): void;
  /** Opens a shared file where it can be worked on; absent where there is no such place. */
  openFile?(group: string, path: string): Promise<void>;
  /** Puts a file of a job into the home directory and opens it; absent where there is no home. */
  openArtifact?(
    job: JobOut,
    artifact: ArtifactOut,
    directory: string,
    blob: () => Promise<Blob>
  ): Promise<void>;
}
