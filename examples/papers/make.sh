#!/usr/bin/env bash
# Sets the sample papers again, byte for byte: a pinned typesetter from PyPI, the fonts it carries, a fixed time stamp.
#   examples/papers/make.sh           writes the PDFs beside their sources
#   examples/papers/make.sh --check   sets them aside and compares with what is committed
set -euo pipefail

typst_version=0.15.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="$here/../../target/tools/typst-$typst_version"

if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "typst==$typst_version"
fi

output=$here
if [ "${1:-}" = --check ]; then
  output=$(mktemp -d)
  trap 'rm -rf "$output"' EXIT
fi

"$venv/bin/python" - "$here" "$output" <<'PYTHON'
import pathlib
import sys

import typst

source, output = map(pathlib.Path, sys.argv[1:])
for paper in sorted(source.glob("*[0-9].typ")):
    typst.compile(
        str(paper),
        output=str(output / f"{paper.stem}.pdf"),
        root=str(source),
        ignore_system_fonts=True,
        timestamp=0,
        pdf_tags=False,
    )
PYTHON

for pdf in "$output"/*.pdf; do
  if [ "$output" != "$here" ] && ! cmp "$pdf" "$here/$(basename "$pdf")"; then
    echo "make.sh: \`$(basename "$pdf")\` is not what its source gives; run examples/papers/make.sh" >&2
    exit 1
  fi
  echo "$(basename "$pdf"): $(stat -c %s "$pdf") bytes"
done
