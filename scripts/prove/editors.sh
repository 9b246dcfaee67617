#!/usr/bin/env bash
# Real editors and tools on real mounts. PROVE_WRITE=1 writes docs/editors.md anew; else its rows are checked. The mounts are
# made in a mount namespace of its own, which takes them with it; where there is none, they are left out, and said.
set -euo pipefail
# shellcheck source=scripts/prove/real.sh
source "$(dirname "${BASH_SOURCE[0]}")/real.sh"

need_commands vim=vim nano=nano emacs=emacs-nox ed=ed jq=jq rsync=rsync git=git python3=python3 script=bsdutils bindfs=bindfs ||
  skipped 'some of vim, nano, emacs, ed, jq, rsync, git, python3, script, bindfs; their rows will say so'
need_binary
program=$(proofs)
own=()
if unshare --mount --propagation private true 2>/dev/null; then
  own=(unshare --mount --propagation private env PROVE_OWN_MOUNTS=1)
else
  skipped 'editors on mounts: a mount namespace is not permitted here'
fi
exec timeout --kill-after=5 900 "${own[@]}" "$program" --ignored --nocapture editors::
