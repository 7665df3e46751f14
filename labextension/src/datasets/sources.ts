/** Where a dataset's data is: what a source of each kind is asked for. */

import type { SecretKind, SourceKind } from '../api';

export interface SourceField {
  name: string;
  title: string;
  needed?: boolean;
  hint?: string;
  example?: string;
  /** One of the group's or platform's secrets of this kind. */
  secret?: SecretKind;
  choices?: readonly string[];
}

export interface SourceWords {
  title: string;
  text: string;
  fields: readonly SourceField[];
}

const KIND_OF_CLAIM = ['ReadWriteMany', 'ReadOnlyMany', 'ReadWriteOnce', 'ReadWriteOncePod'] as const;

export const SOURCES: Record<SourceKind, SourceWords> = {
  managed: {
    title: 'Files kept here',
    text: 'Uploaded, or copied from Shared Files. They are kept in the group’s storage.',
    fields: []
  },
  git: {
    title: 'Git repository',
    text: 'Each version is a commit that is fetched once and then kept.',
    fields: [
      {
        name: 'url',
        title: 'Address',
        needed: true,
        example: 'https://example.org/data.git',
        hint: 'https:// or ssh://, without a user’s name or password.'
      },
      {
        name: 'revision',
        title: 'Branch, tag or commit',
        example: 'main',
        hint: 'Empty: the default branch.'
      },
      { name: 'folder', title: 'Folder in it', hint: 'Empty: all of it.' },
      { name: 'secret', title: 'Secret', secret: 'git', hint: 'For a repository that is not public.' }
    ]
  },
  s3: {
    title: 'S3 bucket',
    text: 'Read where it is. A version is a list of what was there, with the state of each file.',
    fields: [
      { name: 'bucket', title: 'Bucket', needed: true, example: 'research-data' },
      { name: 'prefix', title: 'Below', example: 'images/2026', hint: 'Empty: the whole bucket.' },
      {
        name: 'endpoint',
        title: 'Server',
        example: 'https://s3.example.org',
        hint: 'Empty: Amazon’s, of the region.'
      },
      { name: 'region', title: 'Region', example: 'eu-central-1' },
      { name: 'secret', title: 'Secret', secret: 's3', hint: 'For a bucket that is not public.' }
    ]
  },
  nfs: {
    title: 'NFS export',
    text: 'Mounted by the machines that run servers and jobs.',
    fields: [
      { name: 'server', title: 'Server', needed: true, example: 'nfs.example.org' },
      { name: 'path', title: 'Path', needed: true, example: '/export/data' }
    ]
  },
  claim: {
    title: 'Volume claim',
    text: 'A claim in the namespace of each group that has the dataset; it is made there when a size is given.',
    fields: [
      { name: 'claim', title: 'Claim', needed: true, example: 'images' },
      { name: 'size', title: 'Size', example: '100Gi', hint: 'Empty: the claim must be there.' },
      { name: 'storage_class', title: 'Storage class', hint: 'Empty: the cluster’s default.' },
      { name: 'access_mode', title: 'Access mode', choices: KIND_OF_CLAIM }
    ]
  },
  folder: {
    title: 'Folder of the machine',
    text: 'A folder on the machines that run servers and jobs; it must be there on each of them.',
    fields: [{ name: 'path', title: 'Path', needed: true, example: '/srv/data' }]
  },
  environment: {
    title: 'Variables',
    text: 'Variables that servers and jobs find in their environment. No files.',
    fields: []
  }
};

export const GROUP_KINDS: readonly SourceKind[] = ['managed', 'git', 's3'];
export const KINDS = Object.keys(SOURCES) as SourceKind[];

/** Kinds whose files can be looked at, now or as a version. */
export function hasFiles(kind: SourceKind): boolean {
  return GROUP_KINDS.includes(kind);
}

/** Kinds of which there are versions. */
export function hasVersions(kind: SourceKind): boolean {
  return GROUP_KINDS.includes(kind);
}

/** Kinds that are only read, whatever was granted. */
export function onlyRead(kind: SourceKind): boolean {
  return kind === 'git' || kind === 's3' || kind === 'environment';
}

/** What is sent: only what was filled in, and only what this kind has. */
export function sourceOf(kind: SourceKind, texts: Record<string, string>): Record<string, string> {
  const given = SOURCES[kind].fields.map(f => [f.name, (texts[f.name] ?? '').trim()] as const);
  return Object.fromEntries(given.filter(([, text]) => text !== ''));
}

/** What is missing, as `source.<field>`; the service checks the rest. */
export function sourceErrors(kind: SourceKind, texts: Record<string, string>): Record<string, string> {
  const missing = SOURCES[kind].fields.filter(f => f.needed && !(texts[f.name] ?? '').trim());
  return Object.fromEntries(missing.map(f => [`source.${f.name}`, 'is needed']));
}

/** A source in a line: the address, without what is seldom of interest. */
export function sourceText(kind: SourceKind, source: Record<string, string>): string {
  switch (kind) {
    case 'managed':
      return 'here';
    case 'git':
      return source.url + (source.revision ? ` @ ${source.revision}` : '');
    case 's3':
      return `s3://${[source.bucket, source.prefix].filter(Boolean).join('/')}`;
    case 'nfs':
      return `${source.server}:${source.path}`;
    case 'claim':
      return source.claim + (source.size ? ` (${source.size})` : '');
    case 'folder':
      return source.path;
    case 'environment':
      return Object.keys(source).join(', ');
  }
}
