"""Measures a run from inside its pod: a piece of shell that needs nothing of the image but ``sh`` and ``sleep``.

It appends the lines that ``domain.usage`` reads. Two processes at most, which are nobody's children: the program that
takes the shell's place must not find any that it did not start. What is not there is not measured, without a word.
"""

from __future__ import annotations

from collegium.backends.local.sampler import EVERY, PHASE

#: Where a container finds its own cgroup, of either version.
CGROUP = "/sys/fs/cgroup"
#: Questions to nvidia-smi in vain that end the asking.
TRIES = 3

# Only what the shell does itself, but for sleep. Of memory, what the kernel keeps of files for as long as nobody needs
# the room is left out. The root of a version 2 hierarchy has no memory.current, so a whole machine is never measured.
_COMMON = f"""\
now() {{
  read -r up rest < /proc/uptime || exit 0
  part=${{up#*.}}
  at=$((${{up%%.*}} * 1000 + 1${{part}}0 - 1000))
}}
field() {{
  value=
  while read -r name figure rest; do
    [ "$name" != "$2" ] || {{ value=$figure; return 0; }}
  done < "$1"
  return 1
}}
look() {{
  if [ -r "$root/memory.current" ]; then
    field "$root/cpu.stat" usage_usec || return 1
    cpu=$value idle=inactive_file stat=$root/memory.stat
    read -r held < "$root/memory.current" || return 1
  else
    read -r cpu < "$root/cpuacct/cpuacct.usage" || return 1
    cpu=$((cpu / 1000)) idle=total_inactive_file stat=$root/memory/memory.stat
    read -r held < "$root/memory/memory.usage_in_bytes" || return 1
  fi
  field "$stat" "$idle" || value=0
  [ "$held" -gt "$value" ] || value=$held
  line="u $((at - start)) $cpu $((held - value))"
}}
devices() {{
  nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits | {{
    share=0 held=0 seen=
    while IFS=', ' read -r busy used rest; do
      case $busy$used in *[!0-9]* | '') continue ;; esac
      share=$((share + busy * 10)) held=$((held + used * 1048576)) seen=1
    done
    [ -z "$seen" ] || printf 'g %s %s %s\\n' "$((at - start))" "$share" "$held"
  }}
}}
sample() {{
  every={EVERY} lines=0 failures=0
  while [ "$failures" -lt {TRIES} ]; do
    now
    line=
    if [ "$1" = look ]; then look; else line=$(devices); fi
    if [ -n "$line" ]; then
      failures=0
      printf '%s\\n' "$line" >> "$file"
    else
      failures=$((failures + 1))
    fi
    lines=$((lines + 1))
    [ "$lines" -lt {PHASE} ] || {{ lines=0 every=$((every * 2)); }}
    sleep "$every" || exit 0
  done
}}
"""


def sampler_script(file: str, gpus: bool, root: str = CGROUP) -> str:
    """Shell that begins to measure and goes on at once with what follows it. ``file`` and ``root`` are plain words."""
    kinds = "sample look &"
    if gpus:
        kinds += "\n! command -v nvidia-smi > /dev/null || sample devices &"
    # The inner shell ends when both are started, which leaves them to the pod's first process.
    start = f"file={file} root={root}\n[ -f $file ] && [ -w $file ] || exit 0\nnow\nstart=$at\n{kinds}"
    return f"(\nexec < /dev/null > /dev/null 2>&1\n{_COMMON}{start}\n)\n"
