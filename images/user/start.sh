#!/bin/sh
# The entry of the user image: an empty home gets the examples, then the given program runs in its place.
set -eu
if [ -d "$HOME" ] && [ -w "$HOME" ] && [ -z "$(ls -A "$HOME" | grep -v '^lost+found$')" ]; then
  # Two servers may start on one home at once, and a full disk is no reason not to start.
  cp -R --no-clobber /opt/collegium-skeleton/. "$HOME"/ || echo "collegium-start: the examples could not be copied" >&2
fi
exec "$@"
