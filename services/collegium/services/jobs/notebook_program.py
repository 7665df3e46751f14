"""Runs a notebook and makes a page of what it left; its text is given to the Python of the job's image.

It knows nothing of ours and takes papermill's arguments: source, target, options.
"""

import os
import signal
import sys

#: A page of more is of no use to anybody, and takes many times its size in memory to make.
MAX_BYTES, MEMORY_SHARE = 64 << 20, 24
#: Seconds after which the job goes on to its end without a page.
PATIENCE = 60


def too_late(*_: object) -> None:
    """The page takes too long."""
    raise TimeoutError(f"it takes longer than {PATIENCE} seconds")


def page(target: str) -> None:
    """Write the page beside the notebook; the job's end is the notebook's, so this only says what went wrong."""
    draft = f"{target}.page"
    if not os.path.exists(target):
        return
    try:
        size, limit = os.path.getsize(target), int(os.environ.get("MEM_LIMIT") or 0) // MEMORY_SHARE or MAX_BYTES
        if size > min(limit, MAX_BYTES):
            raise ValueError(f"with its outputs it has {size:,} bytes, at most {min(limit, MAX_BYTES):,} are possible")
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(PATIENCE)
        import nbformat
        from nbconvert.exporters.html import HTMLExporter

        name = os.path.splitext(target)[0]
        read = nbformat.read(target, as_version=4)  # type: ignore[no-untyped-call]
        make = HTMLExporter().from_notebook_node  # type: ignore[no-untyped-call]
        text, _ = make(read, {"metadata": {"name": os.path.basename(name)}})
        with open(draft, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        # What the notebook itself has written stays.
        os.rename(draft, f"{target}.html" if os.path.lexists(f"{name}.html") else f"{name}.html")
    except Exception as error:
        print(f"No HTML page was made of the notebook, {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        if os.path.lexists(draft):
            os.unlink(draft)
    finally:
        signal.alarm(0)


def main() -> None:
    """Run, make the page, and end as papermill ends."""
    # The grammar of international addresses takes most of a second to build, and no schema of notebooks asks for it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from papermill.cli import papermill

    try:
        papermill(sys.argv[1:], prog_name="papermill")
    finally:
        # Papermill undoubles the braces of a path.
        page(sys.argv[2].format())


if __name__ == "__main__":
    main()
