/** Files on their way to the visitor's disk. A link cannot carry our token, so the page fetches them itself. */

/** Above this, straight into the file that the visitor names, where the browser can do that. */
const LARGE = 64 * 1024 * 1024;

interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

export interface Download {
  readonly key: number;
  readonly name: string;
  received: number;
  /** Null for what is made while it is sent. */
  readonly total: number | null;
  readonly scope: AbortController;
}

/** Where it goes; asked before anything is fetched, for browsers ask only right after a click. */
export async function targetOf(name: string, size: number | null): Promise<FileSystemFileHandle | null> {
  const picker = (window as unknown as Picker).showSaveFilePicker;
  return picker && (size === null || size > LARGE) ? picker.call(window, { suggestedName: name }) : null;
}

/** Reads the answer to its end, into the file or into what the browser saves. */
export async function receive(
  response: Response,
  name: string,
  target: FileSystemFileHandle | null,
  progress: (received: number) => void
): Promise<void> {
  let received = 0;
  const counted = (response.body ?? new Blob([]).stream()).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        received += chunk.byteLength;
        progress(received);
        controller.enqueue(chunk);
      }
    })
  );
  if (target) {
    // Visible only when it is closed: what is broken off leaves nothing.
    await counted.pipeTo(await target.createWritable());
  } else {
    saveInBrowser(await new Response(counted).blob(), name);
  }
}

export function saveInBrowser(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  // Firefox reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
