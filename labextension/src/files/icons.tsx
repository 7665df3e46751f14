/** Shapes of files and of what is done with them; like the others, in the colour of the text. */

import * as React from 'react';

import type { FileSort } from './kinds';

const sheet = <path d="M3.5 1.8h6l3 3v9.4h-9zM9.3 1.8v3.2h3.2" />;

const SHAPES = {
  folder: <path d="M1.8 3.3h4.4l1.6 1.9h6.4v7.8H1.8z" />,
  dataset: (
    <>
      <ellipse cx="8" cy="3.6" rx="5.4" ry="1.9" />
      <path d="M2.6 3.6v8.8c0 1 2.4 1.9 5.4 1.9s5.4-.9 5.4-1.9V3.6M2.6 8c0 1 2.4 1.9 5.4 1.9s5.4-.9 5.4-1.9" />
    </>
  ),
  'new-dataset': (
    <>
      <ellipse cx="7" cy="3.6" rx="5" ry="1.8" />
      <path d="M2 3.6v8.2c0 .9 1.9 1.7 4.4 1.8M12 3.6v3.6M2 7.7c0 .9 2 1.7 4.6 1.8M11.5 9.5v5M9 12h5" />
    </>
  ),
  file: sheet,
  text: (
    <>
      {sheet}
      <path d="M5.5 7.5h5M5.5 9.7h5M5.5 11.9h3" />
    </>
  ),
  notebook: <path d="M3.5 1.8h9.2v12.4H3.5zM6 1.8v12.4M8.2 5h2.6M8.2 7.4h2.6" />,
  image: (
    <>
      <path d="M1.8 2.8h12.4v10.4H1.8z" />
      <circle cx="5.3" cy="6" r="1.1" />
      <path d="M2.2 12.4l3.6-3.6 2 2 3-3.6 3.2 3.6" />
    </>
  ),
  table: <path d="M1.8 2.8h12.4v10.4H1.8zM1.8 6.2h12.4M1.8 9.7h12.4M6 2.8v10.4" />,
  archive: (
    <>
      {sheet}
      <path d="M6.8 2v1.6M8 3.6v1.6M6.8 5.2v1.6M8 6.8v1.6M6.3 9.6h2.2v2.2H6.3z" />
    </>
  ),
  pdf: (
    <>
      {sheet}
      <path d="M5.3 12.3c2.6-1.6 3.4-4.6 2.6-5.4-.9-.6-.7 3.9 2.9 4-1.6-.6-4.3.2-5.5 1.4z" />
    </>
  ),
  upload: <path d="M8 11V2.8M4.6 6L8 2.6 11.4 6M2.5 11v2.5h11V11" />,
  'new-folder': <path d="M1.8 3.3h4.4l1.6 1.9h6.4v7.8H1.8zM8 7.2v4M6 9.2h4" />,
  download: <path d="M8 2.5v8.2M4.6 7.5L8 10.9l3.4-3.4M2.5 11v2.5h11V11" />,
  unpack: (
    <>
      {sheet}
      <path d="M8 6.2v5M5.9 9.1L8 11.2l2.1-2.1" />
    </>
  ),
  move: <path d="M2 8h9M8 4.5L11.5 8 8 11.5M13.8 3v10" />,
  copy: <path d="M5.5 5.5h8v8.7h-8zM3.3 10.5H2.5V1.8h8v.9" />,
  rename: <path d="M2.5 13.5l.8-3.2 7.6-7.6 2.4 2.4-7.6 7.6z" />,
  trash: <path d="M2.8 4.3h10.4M6 4.3V2.5h4v1.8M4.2 4.3l.6 9.4h6.4l.6-9.4M6.7 6.8v4.4M9.3 6.8v4.4" />,
  share: (
    <path d="M6.6 9.4l2.8-2.8M7 4.6l1.6-1.6a3.1 3.1 0 0 1 4.4 4.4L11.4 9M9 11.4L7.4 13A3.1 3.1 0 0 1 3 8.6L4.6 7" />
  ),
  info: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 7.2v4M8 4.6v1.2" />
    </>
  ),
  open: <path d="M6.5 3H2.8v10.2H13V9.5M9.3 2.7h4v4M13.2 2.8L7.3 8.7" />,
  pause: <path d="M5.7 3.5v9M10.3 3.5v9" />,
  go: <path d="M5 3.2v9.6L12.4 8z" />,
  up: <path d="M8 13V3.5M4.2 7.2L8 3.4l3.8 3.8" />
} satisfies Record<FileSort | string, JSX.Element>;

export type FileIconName = keyof typeof SHAPES;

export function FileIcon({ name }: { name: FileIconName }): JSX.Element {
  return (
    <span className={`clg-icon clg-file-icon clg-file-icon-${name}`} aria-hidden="true">
      <svg
        xmlns="http://www.w3.org/2000/svg"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.3"
        strokeLinejoin="round"
      >
        {SHAPES[name]}
      </svg>
    </span>
  );
}

/** A button of an icon and a word; narrow places show the icon alone, the word is still read and shown as its title. */
export function ToolButton(props: {
  icon: FileIconName;
  label: string;
  testid?: string;
  denied?: string;
  primary?: boolean;
  plain?: boolean;
  /** The icon says it all: the first to do without its word where there is little room. */
  known?: boolean;
  onClick: () => void;
}): JSX.Element {
  const kind = [props.primary && 'clg-primary', props.plain && 'clg-small', props.known && 'clg-tool-known'];
  return (
    <button
      type="button"
      className={['clg-button clg-tool', ...kind].filter(Boolean).join(' ')}
      data-testid={props.testid}
      disabled={!!props.denied}
      title={props.denied || props.label}
      onClick={props.onClick}
    >
      <FileIcon name={props.icon} />
      <span className="clg-tool-word">{props.label}</span>
    </button>
  );
}
