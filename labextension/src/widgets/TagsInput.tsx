import * as React from 'react';

import { Icon } from '../icon';
import { Field } from './Field';

/** Tags as words in boxes; Enter or a comma adds what was typed, Backspace takes the last one away. */
export function TagsInput(props: {
  id: string;
  tags: string[];
  error?: string;
  suggest?: () => Promise<string[]>;
  onChange: (tags: string[]) => void;
}): JSX.Element {
  const { id, tags, onChange, suggest } = props;
  const [text, setText] = React.useState('');
  const [known, setKnown] = React.useState<string[]>([]);
  const add = () => {
    const more = text
      .split(',')
      .map(t => t.trim())
      .filter(t => t && !tags.includes(t));
    setText('');
    if (more.length > 0) {
      onChange([...tags, ...more]);
    }
  };
  return (
    <Field id={id} title="Tags" error={props.error}>
      {aria => (
        <div className="clg-tags">
          {tags.map(tag => (
            <span key={tag} className="clg-tag">
              {tag}
              <button
                type="button"
                className="clg-tag-remove"
                aria-label={`Remove the tag ${tag}`}
                onClick={() => onChange(tags.filter(t => t !== tag))}
              >
                <Icon name="close" />
              </button>
            </span>
          ))}
          <input
            {...aria}
            className="clg-input"
            type="text"
            autoComplete="off"
            list={`${id}-known`}
            placeholder={tags.length === 0 ? 'Type a tag, then Enter' : ''}
            data-testid="collegium-tags"
            value={text}
            onFocus={() => {
              // A list that cannot be had leaves typing as it is.
              suggest?.().then(setKnown, () => undefined);
            }}
            onChange={e => setText(e.target.value)}
            onBlur={add}
            onKeyDown={e => {
              if ((e.key === 'Enter' || e.key === ',') && text.trim()) {
                e.preventDefault();
                add();
              } else if (e.key === 'Backspace' && !text && tags.length > 0) {
                onChange(tags.slice(0, -1));
              }
            }}
          />
          <datalist id={`${id}-known`}>
            {known
              .filter(t => !tags.includes(t))
              .map(t => (
                <option key={t} value={t} />
              ))}
          </datalist>
        </div>
      )}
    </Field>
  );
}
