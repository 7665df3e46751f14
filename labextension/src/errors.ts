/** Errors at the fields that they speak of. */

export type FieldErrors = Record<string, string>;

/** Where the service says that the fault is; one field, or several. */
export function serverErrors(message: string, details: Record<string, unknown>): FieldErrors {
  const errors: FieldErrors = {};
  if (typeof details.field === 'string' && details.field) {
    errors[normal(details.field)] = message;
  }
  const list = Array.isArray(details.fields)
    ? details.fields
    : Array.isArray(details.errors)
      ? details.errors
      : [];
  for (const entry of list) {
    const { field, message: text } = (entry ?? {}) as { field?: unknown; message?: unknown };
    if (typeof field === 'string' && field) {
      errors[normal(field)] = typeof text === 'string' ? text : message;
    }
  }
  return errors;
}

/** Without what validators put before the field: where they looked, and which kind of recurrence they took it for. */
function normal(field: string): string {
  return field
    .replace(/^body\./, '')
    .replace(/^template\./, '')
    .replace(/^recurrence\.(?:cron|interval|once)\./, 'recurrence.');
}

/** The error that stands at a field: its own, or one of something inside it that has no place of its own. */
export function errorAt(errors: FieldErrors, field: string, inner = false): string {
  const own = errors[field];
  if (own || !inner) {
    return own ?? '';
  }
  const key = Object.keys(errors).find(k => k.startsWith(`${field}.`));
  return key ? `${key.slice(field.length + 1)}: ${errors[key]}` : '';
}
