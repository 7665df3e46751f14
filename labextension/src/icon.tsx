/** Icons that need no icon library, so that the portal can draw them too. Their colour is that of the text. */

import * as React from 'react';

import type { JobState } from './api';

const caret = (path: string) => <path d={path} fill="currentColor" stroke="none" />;
const ring = <circle cx="8" cy="8" r="6" />;

/** Of states the shapes differ, not only the colours. */
const SHAPES = {
  add: <path d="M8 3v10M3 8h10" />,
  close: <path d="M4 4l8 8M12 4l-8 8" />,
  refresh: <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3" />,
  down: caret('M4 6h8l-4 5z'),
  right: caret('M6 4v8l5-4z'),
  paused: (
    <>
      {ring}
      <path d="M6.3 5.5v5M9.7 5.5v5" />
    </>
  ),
  Pending: (
    <>
      {ring}
      <path d="M8 4.5V8l2.5 1.5" />
    </>
  ),
  Preparing: <circle cx="8" cy="8" r="6" strokeDasharray="3 2.6" />,
  Running: (
    <>
      {ring}
      <path d="M6.5 5.3v5.4L11 8z" fill="currentColor" />
    </>
  ),
  Succeeded: (
    <>
      {ring}
      <path d="M5 8.2l2.1 2.1L11 6" />
    </>
  ),
  Failed: (
    <>
      {ring}
      <path d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6" />
    </>
  ),
  Cancelled: (
    <>
      {ring}
      <path d="M3.8 12.2l8.4-8.4" />
    </>
  )
} satisfies Record<JobState | string, JSX.Element>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <span className="clg-icon" aria-hidden="true">
      <svg
        xmlns="http://www.w3.org/2000/svg"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
      >
        {SHAPES[name]}
      </svg>
    </span>
  );
}
