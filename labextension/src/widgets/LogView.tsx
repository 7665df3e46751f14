import * as React from 'react';

import type { LogFollower } from '../follower';
import { useSignal } from '../hooks';
import { MAX_LINES, type LogLine } from '../log';

/** Memoised: in a long log only the new lines are drawn. React escapes the text; nothing here is HTML. */
const Line = React.memo(
  function Line({ line }: { line: LogLine }): JSX.Element {
    return (
      <div className={line.kind === 'mark' ? 'clg-log-mark' : 'clg-log-line'}>
        {line.segments.map((segment, i) =>
          segment.className ? (
            <span key={i} className={segment.className}>
              {segment.text}
            </span>
          ) : (
            <React.Fragment key={i}>{segment.text}</React.Fragment>
          )
        )}
        {/* An empty line needs something to have a height. */}
        {line.segments.length === 0 && '\n'}
      </div>
    );
  },
  // The unfinished line is a new object each time; finished ones never change.
  (a, b) => a.line === b.line
);

/** The log, following its end for as long as the reader stays there. */
export function LogView({ follower, onSave }: { follower: LogFollower; onSave: () => void }): JSX.Element {
  useSignal(follower.changed);
  const box = React.useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = React.useState(true);
  const lines = follower.buffer.snapshot();
  React.useLayoutEffect(() => {
    if (atEnd && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  });
  const onScroll = () => {
    const node = box.current;
    // A hidden tab has no height; its scroll events say nothing of the reader.
    if (node && node.clientHeight > 0) {
      setAtEnd(node.scrollHeight - node.scrollTop - node.clientHeight < 24);
    }
  };
  return (
    <div className="clg-log-frame">
      <div className="clg-log-bar">
        <span role="status" aria-live="polite" className="clg-hint">
          {follower.ended
            ? 'The log is complete.'
            : follower.broken
              ? `The connection broke${follower.problem ? ` (${follower.problem})` : ''}; trying again.`
              : atEnd
                ? 'Following the log.'
                : 'Scrolled back; new lines are added below.'}
        </span>
        <span className="clg-spacer" />
        {!atEnd && (
          <button type="button" className="clg-button clg-small" onClick={() => setAtEnd(true)}>
            To the end
          </button>
        )}
        <button type="button" className="clg-button clg-small" onClick={onSave}>
          Download log
        </button>
      </div>
      <div
        ref={box}
        className="clg-log"
        data-testid="collegium-log"
        role="log"
        aria-live="off"
        aria-label="Log of the job"
        tabIndex={0}
        onScroll={onScroll}
      >
        {follower.buffer.dropped > 0 && (
          <div className="clg-log-mark">
            only the last {MAX_LINES} lines are shown; {follower.buffer.dropped} earlier ones are in the
            download
          </div>
        )}
        {lines.length === 0 && (
          <div className="clg-log-mark">
            {follower.ended ? 'the job printed nothing' : 'nothing printed yet'}
          </div>
        )}
        {lines.map(line => (
          <Line key={line.key} line={line} />
        ))}
      </div>
    </div>
  );
}
